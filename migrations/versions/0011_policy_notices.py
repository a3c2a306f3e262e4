"""Mails about policies that will change."""

from alembic import op
import sqlalchemy as sa

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

OLD_KINDS = (
    "kind IN ('password_reset', 'contract', 'renewal_coming', 'renewal_paid', 'renewal_failed',"
    " 'card_changed', 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended', 'refunded',"
    " 'plan_changed', 'plan_change_set', 'card_suspect', 'email_change', 'email_changed',"
    " 'account_closed', 'inquiry', 'inquiry_answered', 'merchant_alert')"
)
NEW_KINDS = OLD_KINDS.replace("'merchant_alert'", "'policy_changed', 'merchant_alert'")


def replace_kinds(kinds):
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_notice_noticekind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_notice_noticekind'), sa.text(kinds))


def upgrade():
    replace_kinds(NEW_KINDS)


def downgrade():
    op.execute("DELETE FROM notice WHERE kind = 'policy_changed'")
    replace_kinds(OLD_KINDS)
