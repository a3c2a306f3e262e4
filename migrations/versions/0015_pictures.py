"""Pictures that the merchant uploads for plans."""

from alembic import op
import sqlalchemy as sa

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'picture',
        sa.Column('sha256', sa.String(length=64), nullable=False),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('content_type', sa.String(length=20), nullable=False),
        sa.Column('width', sa.Integer(), nullable=False),
        sa.Column('height', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('sha256', name=op.f('pk_picture')),
    )
    with op.batch_alter_table('plan', schema=None) as batch_op:
        batch_op.add_column(sa.Column('picture_sha256', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('picture_alt', sa.String(length=120), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_plan_picture_sha256'), 'picture', ['picture_sha256'], ['sha256'])
        batch_op.create_check_constraint(
            batch_op.f('ck_plan_picture_with_words'),
            sa.text('(picture_sha256 IS NULL) = (picture_alt IS NULL)'),
        )


def downgrade():
    with op.batch_alter_table('plan', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_plan_picture_with_words'), type_='check')
        batch_op.drop_constraint(batch_op.f('fk_plan_picture_sha256'), type_='foreignkey')
        batch_op.drop_column('picture_alt')
        batch_op.drop_column('picture_sha256')
    op.drop_table('picture')
