"""Inquiries: the language of the page that each was asked on, which a stranger is answered in."""

from alembic import op
import sqlalchemy as sa

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('inquiry', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('language', sa.String(length=20), nullable=False, server_default='ko')
        )
        batch_op.create_check_constraint(
            op.f('ck_inquiry_language'), "language IN ('ko', 'en', 'ja', 'zh')"
        )
        batch_op.alter_column('language', server_default=None)


def downgrade():
    with op.batch_alter_table('inquiry', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_inquiry_language'), type_='check')
        batch_op.drop_column('language')
