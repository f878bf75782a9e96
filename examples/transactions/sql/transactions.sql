-- The transactions system: one topic of nested JSON becomes flat, filtered and masked streams and five tables.
-- ksqlDB runs the same text.

SET 'auto.offset.reset' = 'earliest';

-- What the producers write: no key, time = the record's timestamp.
CREATE STREAM transaction_log (
    transaction_id VARCHAR,
    timestamp VARCHAR,
    user_id VARCHAR,
    user_name VARCHAR,
    product_id VARCHAR,
    amount DOUBLE,
    currency VARCHAR,
    transaction_type VARCHAR,
    status VARCHAR,
    location STRUCT<city VARCHAR, country VARCHAR>,
    payment_method VARCHAR,
    product_category VARCHAR,
    quantity INT,
    shipping_address STRUCT<street VARCHAR, zip VARCHAR, city VARCHAR, country VARCHAR>,
    device_info STRUCT<os VARCHAR, browser VARCHAR, ip_address VARCHAR>,
    customer_rating INT,
    discount_code VARCHAR,
    tax_amount DOUBLE
) WITH (KAFKA_TOPIC = 'transaction_log', VALUE_FORMAT = 'JSON');

CREATE STREAM transactions_flat AS
SELECT
    transaction_id, timestamp, user_id, user_name, product_id, amount, currency, transaction_type, status,
    location->city AS location_city,
    location->country AS location_country,
    payment_method, product_category, quantity,
    shipping_address->street AS shipping_street,
    shipping_address->zip AS shipping_zip,
    shipping_address->city AS shipping_city,
    shipping_address->country AS shipping_country,
    device_info->os AS device_os,
    device_info->browser AS device_browser,
    device_info->ip_address AS device_ip,
    customer_rating, discount_code, tax_amount
FROM transaction_log
EMIT CHANGES;

CREATE STREAM transactions_blacklisted AS
SELECT * FROM transactions_flat
WHERE (location_city = 'Glasgow' AND location_country = 'UK')
   OR (location_city = 'Shenzhen' AND location_country = 'China')
   OR (location_city = 'Berlin' AND location_country = 'Germany')
EMIT CHANGES;

-- The rest: amounts in dollars, people masked.
CREATE STREAM transactions_processed AS
SELECT
    transaction_id, timestamp,
    MASK(user_id) AS user_id,
    MASK(user_name) AS user_name,
    product_id,
    CASE
        WHEN currency = 'USD' THEN amount
        WHEN currency = 'EUR' THEN amount * 1.08
        WHEN currency = 'CAD' THEN amount * 0.75
        WHEN currency = 'JPY' THEN amount * 0.007
        WHEN currency = 'AUD' THEN amount * 0.66
        WHEN currency = 'GBP' THEN amount * 1.25
        ELSE NULL
    END AS amount_usd,
    currency, transaction_type, status, location_city, location_country, payment_method, product_category, quantity,
    MASK(shipping_street) AS shipping_street,
    MASK(shipping_zip) AS shipping_zip,
    shipping_city, shipping_country, device_os, device_browser,
    MASK(device_ip) AS device_ip,
    customer_rating, discount_code
FROM transactions_flat
WHERE NOT ((location_city = 'Glasgow' AND location_country = 'UK')
        OR (location_city = 'Shenzhen' AND location_country = 'China')
        OR (location_city = 'Berlin' AND location_country = 'Germany'))
EMIT CHANGES;

CREATE STREAM transactions_completed AS
SELECT * FROM transactions_processed WHERE status = 'completed' EMIT CHANGES;
CREATE STREAM transactions_pending AS
SELECT * FROM transactions_processed WHERE status = 'pending' EMIT CHANGES;
CREATE STREAM transactions_failed AS
SELECT * FROM transactions_processed WHERE status = 'failed' EMIT CHANGES;
CREATE STREAM transactions_processing AS
SELECT * FROM transactions_processed WHERE status = 'processing' EMIT CHANGES;
CREATE STREAM transactions_cancelled AS
SELECT * FROM transactions_processed WHERE status = 'cancelled' EMIT CHANGES;

-- Raw amounts, whatever the currency.
CREATE TABLE total_par_transaction_type AS
SELECT transaction_type, SUM(amount) AS total_amount
FROM transactions_flat GROUP BY transaction_type EMIT CHANGES;

-- User ids are masked before they are grouped: all users are one key, one row per transaction type.
CREATE TABLE total_depense_par_user_type WITH (KEY_FORMAT = 'JSON') AS
SELECT user_id, transaction_type, SUM(amount_usd) AS total_depense_usd
FROM transactions_processed GROUP BY user_id, transaction_type EMIT CHANGES;

CREATE TABLE transaction_lifecycle AS
SELECT transaction_id, COLLECT_LIST(status) AS status_history, LATEST_BY_OFFSET(timestamp) AS last_update_time
FROM transactions_flat GROUP BY transaction_id EMIT CHANGES;

CREATE TABLE product_purchase_counts AS
SELECT product_id, COUNT(*) AS purchase_count
FROM transactions_processed WHERE transaction_type = 'purchase' GROUP BY product_id EMIT CHANGES;

CREATE TABLE total_par_type_5min_sliding AS
SELECT transaction_type, SUM(amount_usd) AS total_amount_5min
FROM transactions_processed
WINDOW HOPPING (SIZE 5 MINUTES, ADVANCE BY 1 MINUTE)
GROUP BY transaction_type EMIT CHANGES;
