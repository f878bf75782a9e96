CREATE TABLE outcome_daily_finance_performance WITH (KAFKA_TOPIC = 'outcome_daily_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT TRIM(SUBSTRING(CAST(t.date AS STRING), 0, 10)) AS date,
    SUM(CAST(t.amount AS DECIMAL(18,2))) AS amount
  FROM sum_transactions t
  WHERE t.type = 'outcome'
  GROUP BY TRIM(SUBSTRING(CAST(t.date AS STRING), 0, 10))
  EMIT CHANGES;
