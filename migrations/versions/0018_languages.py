"""Languages: which one an account reads, and the words of products and plans in each."""

from alembic import op
import sqlalchemy as sa

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('language', sa.String(length=20), nullable=False, server_default='ko')
        )
        batch_op.create_check_constraint(
            op.f('ck_user_account_language'), "language IN ('ko', 'en', 'ja', 'zh')"
        )
        batch_op.alter_column('language', server_default=None)
    for table in ('product', 'plan'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(
                sa.Column('translations', sa.JSON(), nullable=False, server_default='{}')
            )
            batch_op.alter_column('translations', server_default=None)


def downgrade():
    for table in ('plan', 'product'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('translations')
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_user_account_language'), type_='check')
        batch_op.drop_column('language')
