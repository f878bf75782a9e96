-- Filter, flatten, project ten columns.
CREATE STREAM t (transaction_id STRING, timestamp STRING, user_id STRING, product_id STRING, amount DECIMAL(18,2),
  currency STRING, status STRING, location STRUCT<city STRING, country STRING>, payment_method STRING)
  WITH (KAFKA_TOPIC = 'transaction_log', VALUE_FORMAT = 'JSON');
CREATE STREAM j1 AS SELECT transaction_id, timestamp, user_id, product_id, amount, currency, location->city AS city,
  location->country AS country, payment_method, status FROM t WHERE status = 'completed';
