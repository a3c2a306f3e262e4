"""Webhooks: what was posted as Toss, and cards that may be gone there."""

from alembic import op
import sqlalchemy as sa

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

OLD_KINDS = (
    "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed', 'card_changed',"
    " 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended', 'refunded', 'plan_changed',"
    " 'plan_change_set', 'merchant_alert')"
)
NEW_KINDS = OLD_KINDS.replace("'merchant_alert'", "'card_suspect', 'merchant_alert'")


def replace_kinds(kinds):
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_notice_noticekind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_notice_noticekind'), sa.text(kinds))


def upgrade():
    op.create_table('webhook_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('transmission_id', sa.String(length=100), nullable=False),
    sa.Column('event_type', sa.String(length=50), nullable=False),
    sa.Column('ciphertext', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('pending', 'done', 'ignored', 'dead', name='webhookstatus', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.DateTime(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(), nullable=False),
    sa.Column('settled_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_event')),
    sa.UniqueConstraint('transmission_id', name=op.f('uq_webhook_event_transmission_id'))
    )
    with op.batch_alter_table('webhook_event', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_event_pending', ['next_try_at', 'id'], unique=False, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.create_index(batch_op.f('ix_webhook_event_received_at'), ['received_at'], unique=False)
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.add_column(sa.Column('suspected_at', sa.DateTime(), nullable=True))
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_subscription_billing_key_id'), ['billing_key_id'], unique=False)
    replace_kinds(NEW_KINDS)


def downgrade():
    op.execute("DELETE FROM notice WHERE kind = 'card_suspect'")
    replace_kinds(OLD_KINDS)
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_subscription_billing_key_id'))
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.drop_column('suspected_at')
    op.drop_table('webhook_event')
