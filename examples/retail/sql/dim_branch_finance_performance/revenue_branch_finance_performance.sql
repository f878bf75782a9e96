CREATE TABLE revenue_branch_finance_performance WITH (KAFKA_TOPIC = 'revenue_branch_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT b.name AS name,
    SUM(CAST(t.amount AS DECIMAL(18,2))) AS amount
  FROM sum_transactions t
  LEFT JOIN tbl_branch_table b ON t.branch_id = b.id
  WHERE t.type = 'income' AND t.sales_id IS NOT NULL
  GROUP BY b.name
  EMIT CHANGES;
