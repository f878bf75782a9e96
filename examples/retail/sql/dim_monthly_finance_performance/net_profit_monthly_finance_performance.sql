CREATE TABLE net_profit_monthly_finance_performance WITH (KAFKA_TOPIC = 'net_profit_monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT g.month AS month,
    g.amount - o.amount AS amount
  FROM gross_profit_monthly_finance_performance g
  LEFT JOIN outcome_monthly_finance_performance o ON g.month = o.month
  EMIT CHANGES;
