"""Ways to pay: bank accounts and wallets beside cards."""

from alembic import op
import sqlalchemy as sa

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('checkout', schema=None) as batch_op:
        batch_op.add_column(sa.Column('way', sa.String(length=20), nullable=False, server_default='card'))
        batch_op.create_check_constraint(batch_op.f('ck_checkout_waytopay'), sa.text("way IN ('card', 'transfer', 'tosspay', 'naverpay')"))
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_wallet', sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table('checkout', schema=None) as batch_op:
        batch_op.alter_column('way', existing_type=sa.String(length=20), server_default=None)
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.alter_column('is_wallet', existing_type=sa.Boolean(), server_default=None)


def downgrade():
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.drop_column('is_wallet')
    with op.batch_alter_table('checkout', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_checkout_waytopay'), type_='check')
        batch_op.drop_column('way')
