-- Aggregate by 10,000 users.
CREATE STREAM t (user_id STRING, timestamp STRING, amount DECIMAL(18,2))
  WITH (KAFKA_TOPIC = 'transaction_log', VALUE_FORMAT = 'JSON');
CREATE TABLE j3 AS SELECT user_id, SUM(amount) AS total, COUNT(*) AS n, MAX(timestamp) AS latest FROM t GROUP BY user_id;
