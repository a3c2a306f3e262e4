"""Passes: plans that are paid once, the orders for them, and payments that belong to one."""

from alembic import op
import sqlalchemy as sa

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

OLD_CHECKS = {
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_coming', 'renewal_paid',"
            " 'renewal_failed', 'card_changed', 'ended_unpaid', 'term_restarted',"
            " 'end_scheduled', 'ended', 'refunded', 'plan_changed', 'plan_change_set',"
            " 'card_suspect', 'email_change', 'email_changed', 'account_closed', 'inquiry',"
            " 'inquiry_answered', 'policy_changed', 'extended', 'price_asked', 'price_agreed',"
            " 'price_kept', 'price_dropped', 'merchant_alert')"
        ),
    },
    'quote': {
        'quotekind': (
            "kind IN ('first_charge', 'refund', 'change_now', 'change_later', 'price_rise')"
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
}
NEW_CHECKS = {
    'notice': {
        'noticekind': OLD_CHECKS['notice']['noticekind'].replace(
            "'merchant_alert'", "'pass_paid', 'pass_ending', 'pass_ended', 'merchant_alert'"
        ),
    },
    'quote': {
        'quotekind': OLD_CHECKS['quote']['quotekind'].replace(
            "'price_rise'", "'price_rise', 'pass'"
        ),
    },
    'payment_request': {
        'one_subject': (
            "(kind = 'issue') = (checkout_id IS NOT NULL)"
            " AND (kind = 'charge') = (attempt_id IS NOT NULL)"
            " AND (kind = 'confirm') = (pass_order_id IS NOT NULL)"
            " AND (kind = 'cancel') = (refund_id IS NOT NULL)"
        ),
        'requestkind': "kind IN ('issue', 'charge', 'cancel', 'confirm')",
    },
}
OF_PASSES = 'SELECT id FROM payment WHERE pass_order_id IS NOT NULL'


def replace_checks(old, new):
    for table in old:
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in old[table]:
                batch_op.drop_constraint(op.f(f'ck_{table}_{name}'), type_='check')
            for name, text in new[table].items():
                batch_op.create_check_constraint(op.f(f'ck_{table}_{name}'), sa.text(text))


def upgrade():
    with op.batch_alter_table('plan', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('kind', sa.String(length=20), nullable=False, server_default='subscription')
        )
        batch_op.create_check_constraint(op.f('ck_plan_plankind'), "kind IN ('subscription', 'pass')")
        batch_op.create_check_constraint(
            op.f('ck_plan_pass_by_the_month'), "kind <> 'pass' OR interval = 'month'"
        )
        batch_op.alter_column('kind', server_default=None)
    op.create_table('pass_order',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('plan_id', sa.Integer(), nullable=False),
    sa.Column('quote_id', sa.Integer(), nullable=False),
    sa.Column('order_name', sa.String(length=100), nullable=False),
    sa.Column('amount_won', sa.Integer(), nullable=False),
    sa.Column('tax_free_won', sa.Integer(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('is_domestic', sa.Boolean(), nullable=False),
    sa.Column('told_of_subscription', sa.Boolean(), nullable=False),
    sa.Column('status', sa.Enum('open', 'confirming', 'paid', 'failed', 'expired', 'set_aside', name='passstatus', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('payment_key', sa.String(length=200), nullable=True),
    sa.Column('idempotency_key', sa.String(length=36), nullable=False),
    sa.Column('key_pair', sa.String(length=10), nullable=False),
    sa.Column('secret_fingerprint', sa.String(length=16), nullable=False),
    sa.Column('leased_until', sa.DateTime(), nullable=True),
    sa.Column('next_look_up_at', sa.DateTime(), nullable=True),
    sa.Column('resend_after', sa.DateTime(), nullable=True),
    sa.Column('failure_kind', sa.Enum('card', 'merchant', 'overlap', 'too_late', 'abandoned', 'resolved', name='passfailure', native_enum=False, create_constraint=True, length=20), nullable=True),
    sa.Column('failure_code', sa.String(length=100), nullable=True),
    sa.Column('reported_code', sa.String(length=100), nullable=True),
    sa.Column('reported_message', sa.String(length=500), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('expires_at', sa.DateTime(), nullable=False),
    sa.Column('came_back_at', sa.DateTime(), nullable=True),
    sa.Column('settled_at', sa.DateTime(), nullable=True),
    sa.Column('announce_end_on', sa.Date(), nullable=True),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.Column('end_reason', sa.Enum('canceled', 'merchant_error', 'unpaid', 'abandoned', 'withdrawn', 'terminated', 'refunded', 'by_merchant', name='endreason', native_enum=False, create_constraint=True, length=20), nullable=True),
    sa.CheckConstraint('amount_won > 0', name=op.f('ck_pass_order_amount_positive')),
    sa.CheckConstraint('tax_free_won >= 0 AND tax_free_won <= amount_won', name=op.f('ck_pass_order_tax_free_within_amount')),
    sa.CheckConstraint('starts_on < ends_on', name=op.f('ck_pass_order_period_forward')),
    sa.CheckConstraint("status NOT IN ('confirming', 'paid', 'set_aside') OR payment_key IS NOT NULL", name=op.f('ck_pass_order_confirming_with_key')),
    sa.CheckConstraint('(payment_key IS NULL) = (came_back_at IS NULL)', name=op.f('ck_pass_order_key_with_its_time')),
    sa.CheckConstraint("(status = 'confirming') = (next_look_up_at IS NOT NULL)", name=op.f('ck_pass_order_confirming_with_timer')),
    sa.CheckConstraint("(status IN ('open', 'confirming')) = (settled_at IS NULL)", name=op.f('ck_pass_order_settled_with_time')),
    sa.CheckConstraint("(status IN ('failed', 'expired')) = (failure_kind IS NOT NULL)", name=op.f('ck_pass_order_failed_with_kind')),
    sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL) AND (ended_at IS NULL OR status = 'paid')", name=op.f('ck_pass_order_ended_with_reason')),
    sa.CheckConstraint("announce_end_on IS NULL OR (status = 'paid' AND ended_at IS NULL)", name=op.f('ck_pass_order_announced_while_granted')),
    sa.ForeignKeyConstraint(['plan_id'], ['plan.id'], name=op.f('fk_pass_order_plan_id')),
    sa.ForeignKeyConstraint(['quote_id'], ['quote.id'], name=op.f('fk_pass_order_quote_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_pass_order_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pass_order'))
    )
    with op.batch_alter_table('pass_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pass_order_quote_id'), ['quote_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_pass_order_user_id'), ['user_id'], unique=False)
        batch_op.create_index('ix_pass_order_confirming', ['next_look_up_at', 'id'], unique=False, sqlite_where=sa.text("status = 'confirming'"), postgresql_where=sa.text("status = 'confirming'"))
        batch_op.create_index('ix_pass_order_newest', ['created_at', 'id'], unique=False)
        batch_op.create_index('ix_pass_order_open', ['expires_at', 'id'], unique=False, sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))
        batch_op.create_index('ix_pass_order_set_aside', ['id'], unique=False, sqlite_where=sa.text("status = 'set_aside'"), postgresql_where=sa.text("status = 'set_aside'"))
        batch_op.create_index('ix_pass_order_to_announce', ['announce_end_on', 'id'], unique=False, sqlite_where=sa.text('announce_end_on IS NOT NULL'), postgresql_where=sa.text('announce_end_on IS NOT NULL'))
        batch_op.create_index('uq_pass_order_in_flight', ['user_id'], unique=True, sqlite_where=sa.text("status IN ('confirming', 'set_aside')"), postgresql_where=sa.text("status IN ('confirming', 'set_aside')"))
    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pass_order_id', sa.String(length=64), nullable=True))
        batch_op.alter_column('invoice_id', existing_type=sa.Integer(), nullable=True)
        batch_op.alter_column('attempt_id', existing_type=sa.Integer(), nullable=True)
        batch_op.create_foreign_key(batch_op.f('fk_payment_pass_order_id'), 'pass_order', ['pass_order_id'], ['id'])
        batch_op.create_unique_constraint(batch_op.f('uq_payment_pass_order_id'), ['pass_order_id'])
        batch_op.create_check_constraint(
            batch_op.f('ck_payment_one_purpose'),
            sa.text(
                '(invoice_id IS NULL) = (attempt_id IS NULL)'
                ' AND (invoice_id IS NULL) <> (pass_order_id IS NULL)'
            ),
        )
    with op.batch_alter_table('payment_request', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pass_order_id', sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f('ix_payment_request_pass_order_id'), ['pass_order_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_payment_request_pass_order_id'), 'pass_order', ['pass_order_id'], ['id'])
    with op.batch_alter_table('daily_figure', schema=None) as batch_op:
        batch_op.add_column(sa.Column('passes', sa.Integer(), nullable=False, server_default='0'))
        batch_op.alter_column('passes', server_default=None)
    replace_checks(OLD_CHECKS, NEW_CHECKS)


def downgrade():
    with op.batch_alter_table('daily_figure', schema=None) as batch_op:
        batch_op.drop_column('passes')
    op.execute("DELETE FROM payment_request WHERE kind = 'confirm'")
    op.execute(
        'DELETE FROM payment_request WHERE refund_id IN'
        f' (SELECT id FROM refund WHERE payment_id IN ({OF_PASSES}))'
    )
    op.execute(f'DELETE FROM refund WHERE payment_id IN ({OF_PASSES})')
    op.execute('DELETE FROM payment WHERE pass_order_id IS NOT NULL')
    op.execute("DELETE FROM notice WHERE kind IN ('pass_paid', 'pass_ending', 'pass_ended')")
    op.execute("DELETE FROM consent WHERE quote_id IN (SELECT id FROM quote WHERE kind = 'pass')")
    with op.batch_alter_table('payment_request', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_payment_request_pass_order_id'), type_='foreignkey')
        batch_op.drop_constraint(batch_op.f('ck_payment_request_one_subject'), type_='check')
        batch_op.drop_index(batch_op.f('ix_payment_request_pass_order_id'))
        batch_op.drop_column('pass_order_id')
        batch_op.create_check_constraint(
            batch_op.f('ck_payment_request_one_subject'),
            sa.text(OLD_CHECKS['payment_request']['one_subject']),
        )
    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_payment_one_purpose'), type_='check')
        batch_op.drop_constraint(batch_op.f('uq_payment_pass_order_id'), type_='unique')
        batch_op.drop_constraint(batch_op.f('fk_payment_pass_order_id'), type_='foreignkey')
        batch_op.alter_column('attempt_id', existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column('invoice_id', existing_type=sa.Integer(), nullable=False)
        batch_op.drop_column('pass_order_id')
    op.drop_table('pass_order')
    op.execute("DELETE FROM quote WHERE kind = 'pass'")
    op.execute("DELETE FROM quote WHERE plan_id IN (SELECT id FROM plan WHERE kind = 'pass')")
    op.execute("DELETE FROM plan WHERE kind = 'pass'")
    with op.batch_alter_table('plan', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_plan_pass_by_the_month'), type_='check')
        batch_op.drop_constraint(batch_op.f('ck_plan_plankind'), type_='check')
        batch_op.drop_column('kind')
    replace_checks(NEW_CHECKS, OLD_CHECKS)
