"""Changes of plan: what a customer goes on with, now or after the paid period."""

from alembic import op
import sqlalchemy as sa

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

OLD_CHECKS = {
    'checkout': {
        'charging_with_invoice': (
            "status NOT IN ('charging', 'completed') OR invoice_id IS NOT NULL"
            " OR (kind = 'card_change' AND status = 'completed')"
        ),
        'checkoutkind': "kind IN ('subscription', 'card_change')",
        'one_purpose': (
            "(kind = 'subscription' AND quote_id IS NOT NULL AND subscription_id IS NULL)"
            " OR (kind = 'card_change' AND quote_id IS NULL AND subscription_id IS NOT NULL)"
        ),
    },
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed',"
            " 'card_changed', 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended',"
            " 'refunded', 'merchant_alert')"
        ),
    },
}
NEW_CHECKS = {
    'checkout': {
        'charging_with_invoice': (
            "status NOT IN ('charging', 'completed') OR invoice_id IS NOT NULL"
            " OR (kind IN ('card_change', 'plan_change') AND status = 'completed')"
        ),
        'checkoutkind': "kind IN ('subscription', 'card_change', 'plan_change')",
        'one_purpose': (
            "(kind = 'subscription' AND quote_id IS NOT NULL AND subscription_id IS NULL)"
            " OR (kind = 'card_change' AND quote_id IS NULL AND subscription_id IS NOT NULL)"
            " OR (kind = 'plan_change' AND quote_id IS NOT NULL AND subscription_id IS NOT NULL)"
        ),
    },
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed',"
            " 'card_changed', 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended',"
            " 'refunded', 'plan_changed', 'plan_change_set', 'merchant_alert')"
        ),
    },
}
NEXT_PLAN_WHOLE = (
    "(next_plan_id IS NULL) = (next_quote_id IS NULL)"
    " AND (next_plan_id IS NULL OR (status = 'active' AND ends_at IS NULL))"
)


def replace_checks(old, new):
    for table in old:
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in old[table]:
                batch_op.drop_constraint(op.f(f'ck_{table}_{name}'), type_='check')
            for name, text in new[table].items():
                batch_op.create_check_constraint(op.f(f'ck_{table}_{name}'), sa.text(text))


def upgrade():
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.add_column(sa.Column('next_plan_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('next_quote_id', sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_subscription_next_plan_id'), 'plan', ['next_plan_id'], ['id'])
        batch_op.create_foreign_key(batch_op.f('fk_subscription_next_quote_id'), 'quote', ['next_quote_id'], ['id'])
        batch_op.create_check_constraint(batch_op.f('ck_subscription_next_plan_whole'), sa.text(NEXT_PLAN_WHOLE))
    replace_checks(OLD_CHECKS, NEW_CHECKS)


def downgrade():
    op.execute("DELETE FROM consent WHERE checkout_id IN (SELECT id FROM checkout WHERE kind = 'plan_change')")
    op.execute("DELETE FROM checkout WHERE kind = 'plan_change'")
    op.execute("DELETE FROM notice WHERE kind IN ('plan_changed', 'plan_change_set')")
    replace_checks(NEW_CHECKS, OLD_CHECKS)
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_subscription_next_plan_whole'), type_='check')
        batch_op.drop_constraint(batch_op.f('fk_subscription_next_quote_id'), type_='foreignkey')
        batch_op.drop_constraint(batch_op.f('fk_subscription_next_plan_id'), type_='foreignkey')
        batch_op.drop_column('next_quote_id')
        batch_op.drop_column('next_plan_id')
