"""Reminders: the day on which a renewal is announced."""

from alembic import op
import sqlalchemy as sa

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

OLD_KINDS = (
    "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed', 'card_changed',"
    " 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended', 'refunded', 'plan_changed',"
    " 'plan_change_set', 'card_suspect', 'merchant_alert')"
)
NEW_KINDS = OLD_KINDS.replace("'renewal_paid'", "'renewal_coming', 'renewal_paid'")
ONLY_WHILE_ACTIVE = "next_reminder_on IS NULL OR (status = 'active' AND ends_at IS NULL)"


def replace_kinds(kinds):
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_notice_noticekind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_notice_noticekind'), sa.text(kinds))


def upgrade():
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.add_column(sa.Column('next_reminder_on', sa.Date(), nullable=True))
        batch_op.create_index('ix_subscription_to_remind', ['next_reminder_on', 'id'], unique=False, sqlite_where=sa.text('next_reminder_on IS NOT NULL'), postgresql_where=sa.text('next_reminder_on IS NOT NULL'))
        batch_op.create_check_constraint(batch_op.f('ck_subscription_reminded_only_while_active'), sa.text(ONLY_WHILE_ACTIVE))
    if op.get_bind().dialect.name == 'sqlite':
        week_before = "date(paid_until_on, '-7 days')"
    else:
        week_before = "paid_until_on - 7"
    op.execute(
        f"UPDATE subscription SET next_reminder_on = {week_before}"
        " WHERE status = 'active' AND ends_at IS NULL AND next_charge_on = paid_until_on"
    )
    replace_kinds(NEW_KINDS)


def downgrade():
    op.execute("DELETE FROM notice WHERE kind = 'renewal_coming'")
    replace_kinds(OLD_KINDS)
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_subscription_reminded_only_while_active'), type_='check')
        batch_op.drop_index('ix_subscription_to_remind', sqlite_where=sa.text('next_reminder_on IS NOT NULL'), postgresql_where=sa.text('next_reminder_on IS NOT NULL'))
        batch_op.drop_column('next_reminder_on')
