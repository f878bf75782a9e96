CREATE TABLE uss_daily_finance_performance WITH (KAFKA_TOPIC = 'uss_daily_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT TRIM(SUBSTRING(CAST(f.order_date AS STRING), 0, 10)) AS date,
    SUM(f.quantity) AS unit_sold
  FROM fact_sales f
  GROUP BY TRIM(SUBSTRING(CAST(f.order_date AS STRING), 0, 10))
  EMIT CHANGES;
