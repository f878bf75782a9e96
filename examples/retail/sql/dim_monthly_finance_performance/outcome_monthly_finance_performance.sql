CREATE TABLE outcome_monthly_finance_performance WITH (KAFKA_TOPIC = 'outcome_monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT CONCAT(SUBSTRING(CAST(t.date AS STRING), 0, 8), '01') AS month,
    SUM(CAST(t.amount AS DECIMAL(18,2))) AS amount
  FROM sum_transactions t
  WHERE t.type = 'outcome'
  GROUP BY CONCAT(SUBSTRING(CAST(t.date AS STRING), 0, 8), '01')
  EMIT CHANGES;
