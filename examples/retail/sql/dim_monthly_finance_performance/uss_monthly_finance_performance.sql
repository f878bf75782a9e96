CREATE TABLE uss_monthly_finance_performance WITH (KAFKA_TOPIC = 'uss_monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT CONCAT(SUBSTRING(CAST(f.order_date AS STRING), 0, 8), '01') AS month,
    SUM(f.quantity) AS unit_sold
  FROM fact_sales f
  GROUP BY CONCAT(SUBSTRING(CAST(f.order_date AS STRING), 0, 8), '01')
  EMIT CHANGES;
