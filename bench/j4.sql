-- Hopping windows by payment method, on event time.
CREATE STREAM t (timestamp STRING, amount DECIMAL(18,2), payment_method STRING)
  WITH (KAFKA_TOPIC = 'transaction_log', VALUE_FORMAT = 'JSON', TIMESTAMP = 'timestamp',
        TIMESTAMP_FORMAT = 'yyyy-MM-dd''T''HH:mm:ss.SSSX');
CREATE TABLE j4 AS SELECT payment_method, COUNT(*) AS n, SUM(amount) AS total FROM t
  WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 10 MINUTES, GRACE PERIOD 4 DAYS) GROUP BY payment_method;
