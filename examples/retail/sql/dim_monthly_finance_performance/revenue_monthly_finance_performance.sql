CREATE TABLE revenue_monthly_finance_performance WITH (KAFKA_TOPIC = 'revenue_monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT CONCAT(SUBSTRING(CAST(t.date AS STRING), 0, 8), '01') AS month,
    SUM(CAST(t.amount AS DECIMAL(18,2))) AS amount
  FROM sum_transactions t
  WHERE t.type = 'income' AND t.sales_id IS NOT NULL
  GROUP BY CONCAT(SUBSTRING(CAST(t.date AS STRING), 0, 8), '01')
  EMIT CHANGES;
