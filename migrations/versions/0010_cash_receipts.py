"""Cash receipts of bank transfers."""

from alembic import op
import sqlalchemy as sa

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('cash_receipt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('payment_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('income', 'expense', name='receiptkind', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('identity_ciphertext', sa.Text(), nullable=True),
    sa.Column('amount_won', sa.Integer(), nullable=False),
    sa.Column('canceled_won', sa.Integer(), nullable=False),
    sa.Column('status', sa.Enum('due', 'settled', 'failed', name='receiptstatus', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('receipt_key', sa.String(length=200), nullable=True),
    sa.Column('receipt_url', sa.Text(), nullable=True),
    sa.Column('idempotency_key', sa.String(length=36), nullable=False),
    sa.Column('asked_won', sa.Integer(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(), nullable=False),
    sa.Column('failure_code', sa.String(length=100), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('issued_at', sa.DateTime(), nullable=True),
    sa.CheckConstraint('canceled_won >= 0 AND canceled_won <= amount_won', name=op.f('ck_cash_receipt_canceled_within_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_cash_receipt_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cash_receipt')),
    sa.UniqueConstraint('payment_id', name=op.f('uq_cash_receipt_payment_id'))
    )
    with op.batch_alter_table('cash_receipt', schema=None) as batch_op:
        batch_op.create_index('ix_cash_receipt_due', ['next_try_at', 'id'], unique=False, sqlite_where=sa.text("status = 'due'"), postgresql_where=sa.text("status = 'due'"))
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.add_column(sa.Column('receipt_kind', sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column('receipt_identity_ciphertext', sa.Text(), nullable=True))


def downgrade():
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.drop_column('receipt_identity_ciphertext')
        batch_op.drop_column('receipt_kind')
    op.drop_table('cash_receipt')
