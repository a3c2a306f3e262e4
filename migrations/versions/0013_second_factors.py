"""Second factors, back-office sign-ins, and an audit log that nobody can change.

The triggers refuse every change of an entry, and its removal within a year. A later migration that
makes `audit_entry` anew on SQLite drops them: it has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

_SQLITE = (
    """
    CREATE TRIGGER audit_entry_is_not_changed BEFORE UPDATE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
    """,
    """
    CREATE TRIGGER audit_entry_is_kept BEFORE DELETE ON audit_entry
    WHEN OLD.at > datetime('now', '-1 year')
    BEGIN SELECT RAISE(ABORT, 'the audit log is kept for a year'); END
    """,
)
_POSTGRESQL = (
    """
    CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            RAISE EXCEPTION 'the audit log is only added to';
        END IF;
        IF OLD.at > (now() AT TIME ZONE 'utc') - INTERVAL '1 year' THEN
            RAISE EXCEPTION 'the audit log is kept for a year';
        END IF;
        RETURN OLD;
    END $$
    """,
    """
    CREATE TRIGGER audit_entry_is_kept BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()
    """,
)


def upgrade():
    op.create_table(
        'second_factor',
        sa.Column('user_id', sa.Integer(), nullable=False),
        sa.Column('ciphertext', sa.Text(), nullable=False),
        sa.Column('last_step', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('confirmed_at', sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ['user_id'], ['user_account.id'], name=op.f('fk_second_factor_user_id')
        ),
        sa.PrimaryKeyConstraint('user_id', name=op.f('pk_second_factor')),
    )
    with op.batch_alter_table('sign_in', schema=None) as batch_op:
        batch_op.add_column(sa.Column('second_factor_at', sa.DateTime(), nullable=True))
        batch_op.add_column(
            sa.Column('back_office_until', sa.DateTime(), nullable=True)
        )
    for statement in _SQLITE if op.get_bind().dialect.name == 'sqlite' else _POSTGRESQL:
        op.execute(statement)


def downgrade():
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TRIGGER audit_entry_is_kept')
        op.execute('DROP TRIGGER audit_entry_is_not_changed')
    else:
        op.execute('DROP TRIGGER audit_entry_is_kept ON audit_entry')
        op.execute('DROP FUNCTION refuse_audit_change')
    with op.batch_alter_table('sign_in', schema=None) as batch_op:
        batch_op.drop_column('back_office_until')
        batch_op.drop_column('second_factor_at')
    op.drop_table('second_factor')
