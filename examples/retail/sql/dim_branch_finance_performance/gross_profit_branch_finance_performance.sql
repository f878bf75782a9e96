CREATE TABLE gross_profit_branch_finance_performance WITH (KAFKA_TOPIC = 'gross_profit_branch_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT b.name AS name,
    SUM(CAST((f.price * p.profit / 100) * f.quantity AS DECIMAL(18,2))) AS amount
  FROM fact_sales f
  LEFT JOIN tbl_branch_table b ON f.branch_id = b.id
  LEFT JOIN tbl_product_table p ON f.product_id = p.id
  GROUP BY b.name
  EMIT CHANGES;
