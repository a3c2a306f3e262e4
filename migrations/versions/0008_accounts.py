"""Accounts that close, inquiries, and mails to other addresses than a user's own."""

from alembic import op
import sqlalchemy as sa

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

OLD_KINDS = (
    "kind IN ('password_reset', 'contract', 'renewal_coming', 'renewal_paid', 'renewal_failed',"
    " 'card_changed', 'ended_unpaid', 'term_restarted', 'end_scheduled', 'ended', 'refunded',"
    " 'plan_changed', 'plan_change_set', 'card_suspect', 'merchant_alert')"
)
NEW_KINDS = OLD_KINDS.replace(
    "'merchant_alert'",
    "'email_change', 'email_changed', 'account_closed', 'inquiry', 'inquiry_answered',"
    " 'merchant_alert'",
)


def replace_kinds(kinds):
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_notice_noticekind'), type_='check')
        batch_op.create_check_constraint(op.f('ck_notice_noticekind'), sa.text(kinds))


def upgrade():
    op.create_table('inquiry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.String(length=50), nullable=False),
    sa.Column('email', sa.String(length=100), nullable=False),
    sa.Column('topic', sa.String(length=20), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('answered_at', sa.DateTime(), nullable=True),
    sa.Column('keep_until_on', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_inquiry_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inquiry'))
    )
    with op.batch_alter_table('inquiry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_inquiry_user_id'), ['user_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_inquiry_keep_until_on'), ['keep_until_on'], unique=False)
        batch_op.create_index('ix_inquiry_open', ['id'], unique=False, sqlite_where=sa.text('answered_at IS NULL'), postgresql_where=sa.text('answered_at IS NULL'))
    op.create_table('retained_identity',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('ciphertext', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('keep_until_on', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_retained_identity_user_id')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_retained_identity'))
    )
    with op.batch_alter_table('retained_identity', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_retained_identity_keep_until_on'), ['keep_until_on'], unique=False)
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.add_column(sa.Column('closed_at', sa.DateTime(), nullable=True))
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.add_column(sa.Column('address', sa.String(length=100), nullable=True))
    replace_kinds(NEW_KINDS)


def downgrade():
    op.execute(
        "DELETE FROM notice WHERE kind IN ('email_change', 'email_changed', 'account_closed',"
        " 'inquiry', 'inquiry_answered')"
    )
    replace_kinds(OLD_KINDS)
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_column('address')
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.drop_column('closed_at')
    op.drop_table('retained_identity')
    op.drop_table('inquiry')
