"""Price offers: dearer plans that subscribers are asked to agree to, and their answers."""

from alembic import op
import sqlalchemy as sa

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

OLD_CHECKS = {
    'notice': {
        'noticekind': (
            "kind IN ('password_reset', 'contract', 'renewal_coming', 'renewal_paid',"
            " 'renewal_failed', 'card_changed', 'ended_unpaid', 'term_restarted',"
            " 'end_scheduled', 'ended', 'refunded', 'plan_changed', 'plan_change_set',"
            " 'card_suspect', 'email_change', 'email_changed', 'account_closed', 'inquiry',"
            " 'inquiry_answered', 'policy_changed', 'extended', 'merchant_alert')"
        ),
    },
    'quote': {
        'quotekind': "kind IN ('first_charge', 'refund', 'change_now', 'change_later')",
    },
    'subscription': {
        'next_plan_whole': (
            "(next_plan_id IS NULL) = (next_quote_id IS NULL)"
            " AND (next_plan_id IS NULL OR (status = 'active' AND ends_at IS NULL))"
        ),
    },
}
NEW_CHECKS = {
    'notice': {
        'noticekind': OLD_CHECKS['notice']['noticekind'].replace(
            "'merchant_alert'",
            "'price_asked', 'price_agreed', 'price_kept', 'price_dropped', 'merchant_alert'",
        ),
    },
    'quote': {
        'quotekind': (
            "kind IN ('first_charge', 'refund', 'change_now', 'change_later', 'price_rise')"
        ),
    },
    'subscription': {
        'next_plan_whole': (
            "(next_plan_id IS NULL) = (next_quote_id IS NULL)"
            " AND (next_plan_id IS NULL"
            " OR (status IN ('active', 'past_due') AND ends_at IS NULL))"
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
    op.create_table('price_offer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('from_plan_id', sa.Integer(), nullable=False),
    sa.Column('to_plan_id', sa.Integer(), nullable=False),
    sa.Column('change_on', sa.Date(), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('created_by_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(), nullable=True),
    sa.CheckConstraint('from_plan_id <> to_plan_id', name=op.f('ck_price_offer_another_plan')),
    sa.ForeignKeyConstraint(['created_by_id'], ['user_account.id'], name=op.f('fk_price_offer_created_by_id')),
    sa.ForeignKeyConstraint(['from_plan_id'], ['plan.id'], name=op.f('fk_price_offer_from_plan_id')),
    sa.ForeignKeyConstraint(['to_plan_id'], ['plan.id'], name=op.f('fk_price_offer_to_plan_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_offer'))
    )
    with op.batch_alter_table('price_offer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_price_offer_from_plan_id'), ['from_plan_id'], unique=False)
    op.create_table('price_change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('offer_id', sa.Integer(), nullable=False),
    sa.Column('subscription_id', sa.Integer(), nullable=False),
    sa.Column('status', sa.Enum('waiting', 'asked', 'agreed', 'refused', 'withdrawn', 'applied', 'lapsed', 'dropped', name='pricechangestatus', native_enum=False, create_constraint=True, length=20), nullable=False),
    sa.Column('look_on', sa.Date(), nullable=True),
    sa.Column('quote_id', sa.Integer(), nullable=True),
    sa.Column('consent_id', sa.Integer(), nullable=True),
    sa.Column('former_quote_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('asked_at', sa.DateTime(), nullable=True),
    sa.Column('answered_at', sa.DateTime(), nullable=True),
    sa.CheckConstraint("(status = 'applied') = (former_quote_id IS NOT NULL)", name=op.f('ck_price_change_applied_after_another')),
    sa.CheckConstraint("(look_on IS NOT NULL) = (status IN ('waiting', 'asked', 'agreed'))", name=op.f('ck_price_change_followed_while_open')),
    sa.CheckConstraint("status NOT IN ('agreed', 'applied') OR (quote_id IS NOT NULL AND consent_id IS NOT NULL)", name=op.f('ck_price_change_agreed_to_a_quote')),
    sa.ForeignKeyConstraint(['consent_id'], ['consent.id'], name=op.f('fk_price_change_consent_id')),
    sa.ForeignKeyConstraint(['former_quote_id'], ['quote.id'], name=op.f('fk_price_change_former_quote_id')),
    sa.ForeignKeyConstraint(['offer_id'], ['price_offer.id'], name=op.f('fk_price_change_offer_id')),
    sa.ForeignKeyConstraint(['quote_id'], ['quote.id'], name=op.f('fk_price_change_quote_id')),
    sa.ForeignKeyConstraint(['subscription_id'], ['subscription.id'], name=op.f('fk_price_change_subscription_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_change')),
    sa.UniqueConstraint('offer_id', 'subscription_id', name=op.f('uq_price_change_offer_id_subscription_id')),
    sa.UniqueConstraint('quote_id', name=op.f('uq_price_change_quote_id'))
    )
    with op.batch_alter_table('price_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_price_change_subscription_id'), ['subscription_id'], unique=False)
        batch_op.create_index('ix_price_change_to_follow', ['look_on', 'id'], unique=False, sqlite_where=sa.text('look_on IS NOT NULL'), postgresql_where=sa.text('look_on IS NOT NULL'))
        batch_op.create_index('uq_price_change_open', ['subscription_id'], unique=True, sqlite_where=sa.text("status IN ('waiting', 'asked', 'agreed')"), postgresql_where=sa.text("status IN ('waiting', 'asked', 'agreed')"))
    with op.batch_alter_table('consent', schema=None) as batch_op:
        batch_op.add_column(sa.Column('quote_id', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_consent_quote_id'), ['quote_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_consent_quote_id'), 'quote', ['quote_id'], ['id'])
    replace_checks(OLD_CHECKS, NEW_CHECKS)


def downgrade():
    op.execute(
        "UPDATE subscription SET next_plan_id = NULL, next_quote_id = NULL"
        " WHERE next_quote_id IN (SELECT id FROM quote WHERE kind = 'price_rise')"
    )
    op.drop_table('price_change')
    op.drop_table('price_offer')
    op.execute("UPDATE quote SET kind = 'change_later' WHERE kind = 'price_rise'")
    op.execute(
        "DELETE FROM notice WHERE kind IN"
        " ('price_asked', 'price_agreed', 'price_kept', 'price_dropped')"
    )
    replace_checks(NEW_CHECKS, OLD_CHECKS)
    with op.batch_alter_table('consent', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_consent_quote_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_consent_quote_id'))
        batch_op.drop_column('quote_id')
