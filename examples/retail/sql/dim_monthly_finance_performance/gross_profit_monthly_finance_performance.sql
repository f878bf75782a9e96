CREATE TABLE gross_profit_monthly_finance_performance WITH (KAFKA_TOPIC = 'gross_profit_monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT CONCAT(SUBSTRING(CAST(f.order_date AS STRING), 0, 8), '01') AS month,
    SUM(CAST((f.price * p.profit / 100) * f.quantity AS DECIMAL(18,2))) AS amount
  FROM fact_sales f
  LEFT JOIN tbl_product_table p ON f.product_id = p.id
  GROUP BY CONCAT(SUBSTRING(CAST(f.order_date AS STRING), 0, 8), '01')
  EMIT CHANGES;
