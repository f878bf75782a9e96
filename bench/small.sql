-- 5,000 records into lake and warehouse.
CREATE STREAM t (transaction_id STRING, timestamp STRING, user_id STRING, amount DECIMAL(18,2), status STRING)
  WITH (KAFKA_TOPIC = 'small_log', VALUE_FORMAT = 'JSON');
CREATE STREAM small AS SELECT transaction_id, timestamp, user_id, amount FROM t WHERE status = 'completed';
CREATE TABLE small_users AS SELECT user_id, SUM(amount) AS total, COUNT(*) AS n FROM t GROUP BY user_id;
