CREATE TABLE gmv_monthly_finance_performance WITH (KAFKA_TOPIC = 'gmv_monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT CONCAT(SUBSTRING(CAST(f.order_date AS STRING), 0, 8), '01') AS month,
    SUM(CAST(f.quantity * f.price AS DECIMAL(18,2))) AS amount
  FROM fact_sales f
  GROUP BY CONCAT(SUBSTRING(CAST(f.order_date AS STRING), 0, 8), '01')
  EMIT CHANGES;
