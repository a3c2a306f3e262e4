CREATE TABLE IF NOT EXISTS settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS windows (
    id TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    customer_name TEXT,
    customer_email TEXT,
    success_url TEXT NOT NULL,
    fail_url TEXT NOT NULL,
    page_origin TEXT NOT NULL,
    framed INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    foreign_card_tried INTEGER NOT NULL DEFAULT 0,
    way TEXT NOT NULL DEFAULT 'CARD',
    leads_to TEXT,
    card TEXT,
    auth_key TEXT UNIQUE,
    auth_key_used_at TEXT
);

-- A window to pay once. What is authenticated in it may be confirmed for ten minutes; from then on
-- its payment stands in payments too.
CREATE TABLE IF NOT EXISTS payment_windows (
    id TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    customer_name TEXT,
    customer_email TEXT,
    order_id TEXT NOT NULL,
    order_name TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    tax_free_amount INTEGER NOT NULL,
    success_url TEXT NOT NULL,
    fail_url TEXT NOT NULL,
    page_origin TEXT NOT NULL,
    framed INTEGER NOT NULL,
    way TEXT NOT NULL,
    language TEXT NOT NULL,
    shows_estimate INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    payment_key TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL DEFAULT 'READY',
    fail_code TEXT,
    leads_to TEXT,
    authenticated_at TEXT
);

CREATE INDEX IF NOT EXISTS payment_windows_by_order ON payment_windows (merchant_id, order_id);

-- What was asked for in a window and not authenticated, with the columns of payments.
CREATE VIEW IF NOT EXISTS unauthenticated AS
SELECT rowid AS number, payment_key, merchant_id, 'NORMAL' AS type, order_id, order_name,
       customer_key, customer_name, customer_email, '' AS card, status, amount AS total_amount,
       amount AS balance_amount, tax_free_amount, 0 AS tax_exemption_amount,
       0 AS installment_months, '' AS last_transaction_key, NULL AS secret,
       opened_at AS requested_at, '' AS approved_at
FROM payment_windows WHERE authenticated_at IS NULL;

CREATE TABLE IF NOT EXISTS billing_keys (
    billing_key TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    customer_name TEXT,
    customer_email TEXT,
    card TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    deleted_at TEXT
);

-- A payment that was authenticated and not confirmed has no approval yet: '' in its place.
CREATE TABLE IF NOT EXISTS payments (
    payment_key TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    type TEXT NOT NULL,
    order_id TEXT NOT NULL,
    order_name TEXT NOT NULL,
    billing_key TEXT,
    customer_key TEXT,
    customer_name TEXT,
    customer_email TEXT,
    card TEXT NOT NULL,
    status TEXT NOT NULL,
    total_amount INTEGER NOT NULL CHECK (total_amount > 0),
    balance_amount INTEGER NOT NULL CHECK (balance_amount BETWEEN 0 AND total_amount),
    tax_free_amount INTEGER NOT NULL CHECK (tax_free_amount >= 0),
    tax_exemption_amount INTEGER NOT NULL CHECK (tax_exemption_amount >= 0),
    installment_months INTEGER NOT NULL,
    last_transaction_key TEXT NOT NULL,
    secret TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    approved_at TEXT NOT NULL,
    UNIQUE (merchant_id, order_id)
);

CREATE TABLE IF NOT EXISTS transactions (
    number INTEGER PRIMARY KEY,
    transaction_key TEXT NOT NULL UNIQUE,
    merchant_id TEXT NOT NULL,
    payment_key TEXT NOT NULL REFERENCES payments,
    status TEXT NOT NULL,
    amount INTEGER NOT NULL,
    transaction_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS transactions_by_time ON transactions (merchant_id, transaction_at);

CREATE TABLE IF NOT EXISTS cancels (
    transaction_key TEXT PRIMARY KEY REFERENCES transactions (transaction_key),
    payment_key TEXT NOT NULL REFERENCES payments,
    cancel_amount INTEGER NOT NULL CHECK (cancel_amount > 0),
    cancel_reason TEXT NOT NULL,
    tax_free_amount INTEGER NOT NULL,
    tax_exemption_amount INTEGER NOT NULL,
    refundable_amount INTEGER NOT NULL,
    canceled_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS cancels_by_payment ON cancels (payment_key);

-- One answer per idempotency key; status is empty while the first request is at work.
CREATE TABLE IF NOT EXISTS answers (
    scope TEXT PRIMARY KEY,
    first_asked_at TEXT NOT NULL,
    status INTEGER,
    content_type TEXT,
    body BLOB
);

CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY,
    operation TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    order_id TEXT,
    status INTEGER,
    code TEXT,
    idempotency_key TEXT,
    test_code TEXT,
    at TEXT NOT NULL
);

-- One webhook on its way; it is due at a time of this machine's clock, not of the sandbox's.
CREATE TABLE IF NOT EXISTS deliveries (
    transmission_id TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    last_status INTEGER
);

CREATE TABLE IF NOT EXISTS cash_receipts (
    receipt_key TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    type TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    canceled_amount INTEGER NOT NULL DEFAULT 0 CHECK (canceled_amount BETWEEN 0 AND amount),
    issued_at TEXT NOT NULL
);
