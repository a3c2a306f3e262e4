"""Renewals: what is charged when, card changes, the breaker, armed hosts and the test clock."""

from alembic import op
import sqlalchemy as sa

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

OLD_CHECKS = {
    'checkout': {
        'charging_with_invoice': "status NOT IN ('charging', 'completed') OR invoice_id IS NOT NULL",
        'failurekind': "failure_kind IN ('registration', 'card', 'merchant', 'duplicate', 'unanswered')",
    },
    'invoice': {
        'amount_positive': 'amount_won > 0',
        'invoicestatus': "status IN ('open', 'paid', 'void', 'set_aside')",
    },
    'notice': {
        'noticekind': "kind IN ('password_reset', 'contract', 'merchant_alert')",
    },
    'subscription': {
        'endreason': "end_reason IN ('canceled', 'merchant_error')",
        'numbers_from_one': 'term_no >= 1 AND period_no >= 1',
    },
}
NEW_CHECKS = {
    'checkout': {
        'charging_with_invoice': (
            "status NOT IN ('charging', 'completed') OR invoice_id IS NOT NULL"
            " OR (kind = 'card_change' AND status = 'completed')"
        ),
        'failurekind': (
            "failure_kind IN ('registration', 'card', 'merchant', 'duplicate', 'unanswered',"
            " 'ended', 'abandoned')"
        ),
        'checkoutkind': "kind IN ('subscription', 'card_change')",
        'one_purpose': (
            "(kind = 'subscription' AND quote_id IS NOT NULL AND subscription_id IS NULL)"
            " OR (kind = 'card_change' AND quote_id IS NULL AND subscription_id IS NOT NULL)"
        ),
    },
    'invoice': {
        'amount_positive': "amount_won > 0 OR (status = 'skipped' AND amount_won = 0)",
        'invoicestatus': "status IN ('open', 'paid', 'void', 'set_aside', 'skipped')",
    },
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed',"
            " 'card_changed', 'ended_unpaid', 'term_restarted', 'merchant_alert')"
        ),
    },
    'subscription': {
        'past_due_whole': (
            "(status = 'past_due') = (past_due_since IS NOT NULL)"
            " AND (status = 'past_due') = (grace_ends_on IS NOT NULL)"
        ),
        'charged_only_while_running': (
            "next_charge_on IS NULL OR (status IN ('active', 'past_due') AND ends_at IS NULL"
            " AND held_since IS NULL)"
        ),
        'endreason': "end_reason IN ('canceled', 'merchant_error', 'unpaid', 'abandoned')",
        'numbers_not_negative': 'term_no >= 1 AND period_no >= 0',
    },
}


def replace_checks(old, new):
    for table in old:
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in old[table]:
                batch_op.drop_constraint(op.f(f'ck_{table}_{name}'), type_='check')
            for name, text in new[table].items():
                batch_op.create_check_constraint(op.f(f'ck_{table}_{name}'), sa.text(text))


def upgrade():
    op.create_table('armed_host',
    sa.Column('host_id', sa.String(length=64), nullable=False),
    sa.Column('key_hmac', sa.String(length=64), nullable=False),
    sa.Column('armed_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'key_hmac', name=op.f('pk_armed_host'))
    )
    op.create_table('breaker',
    sa.Column('key_pair', sa.String(length=10), nullable=False),
    sa.Column('code', sa.String(length=100), nullable=False),
    sa.Column('opened_at', sa.DateTime(), nullable=False),
    sa.Column('next_probe_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('key_pair', name=op.f('pk_breaker'))
    )
    op.create_table('shop_clock',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('ahead_seconds', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_shop_clock_only_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shop_clock'))
    )
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_billing_key_status'))
        batch_op.create_index('ix_billing_key_revoking', ['id'], unique=False, sqlite_where=sa.text("status = 'revoking'"), postgresql_where=sa.text("status = 'revoking'"))

    with op.batch_alter_table('checkout', schema=None) as batch_op:
        batch_op.add_column(sa.Column('kind', sa.String(length=20), nullable=False, server_default='subscription'))
        batch_op.add_column(sa.Column('subscription_id', sa.Integer(), nullable=True))
        batch_op.alter_column('quote_id',
               existing_type=sa.INTEGER(),
               nullable=True)
        batch_op.drop_index(batch_op.f('ix_checkout_status'))
        batch_op.create_index('ix_checkout_open', ['expires_at', 'id'], unique=False, sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))
        batch_op.create_index(batch_op.f('ix_checkout_subscription_id'), ['subscription_id'], unique=False)
        batch_op.create_index('ix_checkout_unfinished', ['authorized_at', 'id'], unique=False, sqlite_where=sa.text("status IN ('authorized', 'charging')"), postgresql_where=sa.text("status IN ('authorized', 'charging')"))
        batch_op.create_foreign_key(batch_op.f('fk_checkout_subscription_id'), 'subscription', ['subscription_id'], ['id'])

    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.create_index('uq_invoice_open', ['subscription_id'], unique=True, sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))

    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notice_due'))
        batch_op.create_index('ix_notice_pending', ['due_at', 'id'], unique=False, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))

    with op.batch_alter_table('payment_attempt', schema=None) as batch_op:
        batch_op.add_column(sa.Column('resend_after', sa.DateTime(), nullable=True))
        batch_op.drop_index(batch_op.f('ix_payment_attempt_next_look_up_at'))
        batch_op.create_index('ix_payment_attempt_pending', ['next_look_up_at', 'id'], unique=False, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))

    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.add_column(sa.Column('quote_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('next_charge_on', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('past_due_since', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('grace_ends_on', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('held_since', sa.DateTime(), nullable=True))
        batch_op.drop_index(batch_op.f('ix_subscription_ends_at'))
        batch_op.create_index('ix_subscription_incomplete', ['created_at', 'id'], unique=False, sqlite_where=sa.text("status = 'incomplete'"), postgresql_where=sa.text("status = 'incomplete'"))
        batch_op.create_index('ix_subscription_leaving', ['ends_at', 'id'], unique=False, sqlite_where=sa.text("ends_at IS NOT NULL AND status <> 'ended'"), postgresql_where=sa.text("ends_at IS NOT NULL AND status <> 'ended'"))
        batch_op.create_index('ix_subscription_past_due', ['grace_ends_on', 'id'], unique=False, sqlite_where=sa.text("status = 'past_due'"), postgresql_where=sa.text("status = 'past_due'"))
        batch_op.create_index('ix_subscription_to_charge', ['next_charge_on', 'id'], unique=False, sqlite_where=sa.text('next_charge_on IS NOT NULL'), postgresql_where=sa.text('next_charge_on IS NOT NULL'))
        batch_op.create_foreign_key(batch_op.f('fk_subscription_quote_id'), 'quote', ['quote_id'], ['id'])

    op.execute(
        "UPDATE subscription SET quote_id = (SELECT invoice.quote_id FROM invoice"
        " WHERE invoice.subscription_id = subscription.id ORDER BY invoice.id DESC LIMIT 1)"
    )
    op.execute("UPDATE subscription SET period_no = 0 WHERE paid_until_on IS NULL")
    op.execute(
        "UPDATE subscription SET next_charge_on = paid_until_on"
        " WHERE status = 'active' AND ends_at IS NULL"
    )
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.alter_column('quote_id', existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table('checkout', schema=None) as batch_op:
        batch_op.alter_column('kind', existing_type=sa.String(length=20), server_default=None)
    replace_checks(OLD_CHECKS, NEW_CHECKS)


def downgrade():
    op.execute("DELETE FROM payment_request WHERE checkout_id IN (SELECT id FROM checkout WHERE kind = 'card_change')")
    op.execute("DELETE FROM checkout WHERE kind = 'card_change'")
    op.execute("DELETE FROM invoice WHERE status = 'skipped'")
    op.execute("DELETE FROM notice WHERE kind NOT IN ('password_reset', 'contract', 'merchant_alert')")
    op.execute("UPDATE checkout SET failure_kind = 'duplicate' WHERE failure_kind IN ('ended', 'abandoned')")
    op.execute("UPDATE subscription SET end_reason = 'canceled' WHERE end_reason IN ('unpaid', 'abandoned')")
    op.execute("UPDATE subscription SET period_no = 1 WHERE period_no = 0")
    replace_checks(NEW_CHECKS, OLD_CHECKS)
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_subscription_quote_id'), type_='foreignkey')
        batch_op.drop_index('ix_subscription_to_charge', sqlite_where=sa.text('next_charge_on IS NOT NULL'), postgresql_where=sa.text('next_charge_on IS NOT NULL'))
        batch_op.drop_index('ix_subscription_past_due', sqlite_where=sa.text("status = 'past_due'"), postgresql_where=sa.text("status = 'past_due'"))
        batch_op.drop_index('ix_subscription_leaving', sqlite_where=sa.text("ends_at IS NOT NULL AND status <> 'ended'"), postgresql_where=sa.text("ends_at IS NOT NULL AND status <> 'ended'"))
        batch_op.drop_index('ix_subscription_incomplete', sqlite_where=sa.text("status = 'incomplete'"), postgresql_where=sa.text("status = 'incomplete'"))
        batch_op.create_index(batch_op.f('ix_subscription_ends_at'), ['ends_at'], unique=False)
        batch_op.drop_column('held_since')
        batch_op.drop_column('grace_ends_on')
        batch_op.drop_column('past_due_since')
        batch_op.drop_column('next_charge_on')
        batch_op.drop_column('quote_id')

    with op.batch_alter_table('payment_attempt', schema=None) as batch_op:
        batch_op.drop_index('ix_payment_attempt_pending', sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.create_index(batch_op.f('ix_payment_attempt_next_look_up_at'), ['next_look_up_at'], unique=False)
        batch_op.drop_column('resend_after')

    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index('ix_notice_pending', sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.create_index(batch_op.f('ix_notice_due'), ['status', 'due_at'], unique=False)

    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.drop_index('uq_invoice_open', sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))

    with op.batch_alter_table('checkout', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_checkout_subscription_id'), type_='foreignkey')
        batch_op.drop_index('ix_checkout_unfinished', sqlite_where=sa.text("status IN ('authorized', 'charging')"), postgresql_where=sa.text("status IN ('authorized', 'charging')"))
        batch_op.drop_index(batch_op.f('ix_checkout_subscription_id'))
        batch_op.drop_index('ix_checkout_open', sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))
        batch_op.create_index(batch_op.f('ix_checkout_status'), ['status'], unique=False)
        batch_op.alter_column('quote_id',
               existing_type=sa.INTEGER(),
               nullable=False)
        batch_op.drop_column('subscription_id')
        batch_op.drop_column('kind')

    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.drop_index('ix_billing_key_revoking', sqlite_where=sa.text("status = 'revoking'"), postgresql_where=sa.text("status = 'revoking'"))
        batch_op.create_index(batch_op.f('ix_billing_key_status'), ['status'], unique=False)

    op.drop_table('shop_clock')
    op.drop_table('breaker')
    op.drop_table('armed_host')
