CREATE TABLE monthly_finance_performance WITH (KAFKA_TOPIC = 'monthly_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT u.month AS month,
    u.unit_sold AS unit_sold,
    v.amount AS gmv,
    o.amount AS outcome,
    r.amount AS revenue,
    g.amount AS gross_profit,
    n.amount AS nett_profit
  FROM uss_monthly_finance_performance u
  LEFT JOIN outcome_monthly_finance_performance o ON u.month = o.month
  LEFT JOIN gmv_monthly_finance_performance v ON u.month = v.month
  LEFT JOIN revenue_monthly_finance_performance r ON u.month = r.month
  LEFT JOIN gross_profit_monthly_finance_performance g ON u.month = g.month
  LEFT JOIN net_profit_monthly_finance_performance n ON u.month = n.month
  EMIT CHANGES;
