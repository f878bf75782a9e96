CREATE TABLE gmv_daily_finance_performance WITH (KAFKA_TOPIC = 'gmv_daily_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT TRIM(SUBSTRING(CAST(f.order_date AS STRING), 0, 10)) AS date,
    SUM(CAST(f.quantity * f.price AS DECIMAL(18,2))) AS amount
  FROM fact_sales f
  GROUP BY TRIM(SUBSTRING(CAST(f.order_date AS STRING), 0, 10))
  EMIT CHANGES;
