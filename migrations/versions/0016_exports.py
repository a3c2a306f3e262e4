"""Payments and refunds are read by their time."""

from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_payment_approved', 'payment', ['approved_at', 'id'])
    op.create_index('ix_refund_asked', 'refund', ['created_at', 'id'])


def downgrade():
    op.drop_index('ix_refund_asked', table_name='refund')
    op.drop_index('ix_payment_approved', table_name='payment')
