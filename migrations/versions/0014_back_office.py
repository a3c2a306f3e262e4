"""What the back office asks: searches, work lists, and what a webhook spoke of."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

_END_REASONS = (
    "'canceled', 'merchant_error', 'unpaid', 'abandoned', 'withdrawn', 'terminated', 'refunded'"
)
_KINDS = (
    "'password_reset', 'contract', 'renewal_coming', 'renewal_paid', 'renewal_failed',"
    " 'card_changed', 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended', 'refunded',"
    " 'plan_changed', 'plan_change_set', 'card_suspect', 'email_change', 'email_changed',"
    " 'account_closed', 'inquiry', 'inquiry_answered', 'policy_changed', 'merchant_alert'"
)
_OLD_CHECKS = {
    'refund': {
        'refundcause': "cause IN ('withdrawal', 'termination', 'plan_change', 'late_success', 'elsewhere')",
    },
    'quote': {
        'refundcause': (
            "refund_cause IN ('withdrawal', 'termination', 'plan_change', 'late_success', 'elsewhere')"
        ),
    },
    'notice': {
        'noticestatus': "status IN ('pending', 'sent', 'dead')",
        'noticekind': f'kind IN ({_KINDS})',
    },
    'subscription': {'endreason': f'end_reason IN ({_END_REASONS})'},
}
_NEW_CHECKS = {
    'refund': {
        'refundcause': (
            "cause IN ('withdrawal', 'termination', 'plan_change', 'merchant', 'late_success', 'elsewhere')"
        ),
    },
    'quote': {
        'refundcause': (
            "refund_cause IN"
            " ('withdrawal', 'termination', 'plan_change', 'merchant', 'late_success', 'elsewhere')"
        ),
    },
    'notice': {
        'noticestatus': "status IN ('pending', 'sent', 'dead', 'dropped')",
        'noticekind': f"kind IN ({_KINDS}, 'extended')",
    },
    'subscription': {'endreason': f"end_reason IN ({_END_REASONS}, 'by_merchant')"},
}
_PARTIAL = {
    'ix_invoice_set_aside': ('invoice', "status = 'set_aside'"),
    'ix_refund_by_hand': ('refund', "status = 'by_hand'"),
    'ix_notice_dead': ('notice', "status = 'dead'"),
    'ix_webhook_event_dead': ('webhook_event', "status = 'dead'"),
}
_OF_SUBSCRIPTION = {
    'ix_subscription_active': (['id'], "status = 'active'"),
    'ix_subscription_ended': (['ended_at', 'id'], "status = 'ended'"),
}
_FAILED = sa.text("status = 'failed'")
_OFFICE = sa.text("action LIKE 'back_office.%'")
_BEGINNINGS = {'ix_user_account_email_beginning': 'email', 'ix_user_account_name_beginning': 'name'}


def _replace_checks(old, new):
    for table in old:
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in old[table]:
                batch_op.drop_constraint(op.f(f'ck_{table}_{name}'), type_='check')
            for name, text in new[table].items():
                batch_op.create_check_constraint(op.f(f'ck_{table}_{name}'), sa.text(text))


def upgrade():
    op.create_table(
        'daily_figure',
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('active', sa.Integer(), nullable=False),
        sa.Column('mrr_won', sa.BigInteger(), nullable=False),
        sa.Column('begun', sa.Integer(), nullable=False),
        sa.Column('ended', sa.Integer(), nullable=False),
        sa.Column('recovered', sa.Integer(), nullable=False),
        sa.Column('failed', sa.JSON(), nullable=False),
        sa.Column('counted_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('day', name=op.f('pk_daily_figure')),
    )
    op.create_index(
        'ix_payment_attempt_failed',
        'payment_attempt',
        ['settled_at'],
        sqlite_where=_FAILED,
        postgresql_where=_FAILED,
    )
    _replace_checks(_OLD_CHECKS, _NEW_CHECKS)
    with op.batch_alter_table('webhook_event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('subscription_id', sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f('fk_webhook_event_subscription_id'), 'subscription', ['subscription_id'], ['id']
        )
        batch_op.create_index(batch_op.f('ix_webhook_event_subscription_id'), ['subscription_id'])
    for name, (table, condition) in _PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, table, ['id'], sqlite_where=where, postgresql_where=where)
    for name, column in _BEGINNINGS.items():
        op.create_index(
            name, 'user_account', [column], postgresql_ops={column: 'varchar_pattern_ops'}
        )
    for name, (columns, condition) in _OF_SUBSCRIPTION.items():
        where = sa.text(condition)
        op.create_index(name, 'subscription', columns, sqlite_where=where, postgresql_where=where)
    op.add_column('billing_key', sa.Column('card_tail', sa.String(length=4), nullable=True))
    op.execute(
        'UPDATE billing_key SET card_tail = CASE WHEN length(card_number) < 4 THEN card_number'
        ' ELSE substr(card_number, length(card_number) - 3) END'
    )
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.alter_column('card_tail', existing_type=sa.String(length=4), nullable=False)
        batch_op.create_index(batch_op.f('ix_billing_key_card_tail'), ['card_tail'])
    op.create_index(
        'ix_audit_entry_office',
        'audit_entry',
        ['at', 'id'],
        sqlite_where=_OFFICE,
        postgresql_where=_OFFICE,
    )


def downgrade():
    op.drop_index('ix_audit_entry_office', 'audit_entry')
    op.drop_index('ix_payment_attempt_failed', 'payment_attempt')
    op.drop_table('daily_figure')
    with op.batch_alter_table('billing_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_billing_key_card_tail'))
        batch_op.drop_column('card_tail')
    for name in _OF_SUBSCRIPTION:
        op.drop_index(name, 'subscription')
    for name in _BEGINNINGS:
        op.drop_index(name, 'user_account')
    for name, (table, _) in _PARTIAL.items():
        op.drop_index(name, table)
    with op.batch_alter_table('webhook_event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_webhook_event_subscription_id'))
        batch_op.drop_constraint(batch_op.f('fk_webhook_event_subscription_id'), type_='foreignkey')
        batch_op.drop_column('subscription_id')
    op.execute("DELETE FROM notice WHERE kind = 'extended'")
    op.execute("UPDATE notice SET status = 'dead' WHERE status = 'dropped'")
    op.execute("UPDATE subscription SET end_reason = 'terminated' WHERE end_reason = 'by_merchant'")
    op.execute("UPDATE refund SET cause = 'elsewhere' WHERE cause = 'merchant'")
    op.execute("UPDATE quote SET refund_cause = 'elsewhere' WHERE refund_cause = 'merchant'")
    _replace_checks(_NEW_CHECKS, _OLD_CHECKS)
