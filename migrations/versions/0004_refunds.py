"""Refunds: their state, their sendings, the quotes behind them, and what was used of a payment."""

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

CAUSES = "('withdrawal', 'termination', 'plan_change', 'late_success', 'elsewhere')"
OLD_CHECKS = {
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed',"
            " 'card_changed', 'ended_unpaid', 'term_restarted', 'merchant_alert')"
        ),
    },
    'payment_request': {
        'one_subject': (
            "(kind = 'issue' AND checkout_id IS NOT NULL AND attempt_id IS NULL)"
            " OR (kind = 'charge' AND attempt_id IS NOT NULL AND checkout_id IS NULL)"
        ),
        'requestkind': "kind IN ('issue', 'charge')",
    },
    'quote': {
        'amount_positive': 'amount_won > 0',
        'quotekind': "kind IN ('first_charge')",
    },
    'refund': {
        'refundstatus': "status IN ('pending', 'succeeded', 'failed')",
        'settled_with_time': "(status = 'pending') = (settled_at IS NULL)",
    },
    'subscription': {
        'endreason': "end_reason IN ('canceled', 'merchant_error', 'unpaid', 'abandoned')",
    },
}
NEW_CHECKS = {
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_paid', 'renewal_failed',"
            " 'card_changed', 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended',"
            " 'refunded', 'merchant_alert')"
        ),
    },
    'payment_request': {
        'one_subject': (
            "(kind = 'issue') = (checkout_id IS NOT NULL)"
            " AND (kind = 'charge') = (attempt_id IS NOT NULL)"
            " AND (kind = 'cancel') = (refund_id IS NOT NULL)"
        ),
        'requestkind': "kind IN ('issue', 'charge', 'cancel')",
    },
    'quote': {
        'amount_positive': "amount_won >= 0 AND (amount_won = 0) = (kind = 'refund')",
        'quotekind': "kind IN ('first_charge', 'refund', 'change_now', 'change_later')",
        'refund_not_negative': 'refund_won >= 0',
        'refund_of_payment': (
            'payment_id IS NOT NULL OR (refund_won = 0 AND refund_cause IS NULL)'
        ),
        'refundcause': f'refund_cause IN {CAUSES}',
    },
    'refund': {
        'refundstatus': "status IN ('pending', 'succeeded', 'by_hand', 'paid_by_hand', 'void')",
        'settled_with_time': "(status IN ('pending', 'by_hand')) = (settled_at IS NULL)",
        'succeeded_with_key': "(status = 'succeeded') = (transaction_key IS NOT NULL)",
        'refundcause': f'cause IN {CAUSES}',
    },
    'subscription': {
        'endreason': (
            "end_reason IN ('canceled', 'merchant_error', 'unpaid', 'abandoned', 'withdrawn',"
            " 'terminated', 'refunded')"
        ),
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
    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_partial_cancelable', sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.add_column(sa.Column('used_at', sa.DateTime(), nullable=True))

    with op.batch_alter_table('payment_request', schema=None) as batch_op:
        batch_op.add_column(sa.Column('refund_id', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_payment_request_refund_id'), ['refund_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_payment_request_refund_id'), 'refund', ['refund_id'], ['id'])

    with op.batch_alter_table('quote', schema=None) as batch_op:
        batch_op.add_column(sa.Column('refund_won', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('refund_cause', sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column('payment_id', sa.Integer(), nullable=True))

    with op.batch_alter_table('refund', schema=None) as batch_op:
        batch_op.add_column(sa.Column('cause', sa.String(length=20), nullable=False))
        batch_op.add_column(sa.Column('secret_fingerprint', sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column('next_look_up_at', sa.DateTime(), nullable=False))
        batch_op.add_column(sa.Column('resend_after', sa.DateTime(), nullable=True))
        batch_op.create_index(batch_op.f('ix_refund_payment_id'), ['payment_id'], unique=False)
        batch_op.create_index('ix_refund_pending', ['next_look_up_at', 'id'], unique=False, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.drop_column('reason')

    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.alter_column('is_partial_cancelable', existing_type=sa.Boolean(), server_default=None)
    with op.batch_alter_table('quote', schema=None) as batch_op:
        batch_op.alter_column('refund_won', existing_type=sa.Integer(), server_default=None)
    replace_checks(OLD_CHECKS, NEW_CHECKS)


def downgrade():
    op.execute("DELETE FROM payment_request WHERE kind = 'cancel'")
    op.execute('DELETE FROM refund')
    op.execute("DELETE FROM quote WHERE kind = 'refund'")
    op.execute("DELETE FROM notice WHERE kind IN ('end_scheduled', 'ended', 'refunded')")
    op.execute("UPDATE subscription SET end_reason = 'canceled' WHERE end_reason IN ('withdrawn', 'terminated', 'refunded')")
    replace_checks(NEW_CHECKS, OLD_CHECKS)
    with op.batch_alter_table('refund', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reason', sa.VARCHAR(length=150), nullable=False))
        batch_op.drop_index('ix_refund_pending', sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.drop_index(batch_op.f('ix_refund_payment_id'))
        batch_op.drop_column('resend_after')
        batch_op.drop_column('next_look_up_at')
        batch_op.drop_column('secret_fingerprint')
        batch_op.drop_column('cause')

    with op.batch_alter_table('quote', schema=None) as batch_op:
        batch_op.drop_column('payment_id')
        batch_op.drop_column('refund_cause')
        batch_op.drop_column('refund_won')

    with op.batch_alter_table('payment_request', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_payment_request_refund_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_payment_request_refund_id'))
        batch_op.drop_column('refund_id')

    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.drop_column('used_at')
        batch_op.drop_column('is_partial_cancelable')
