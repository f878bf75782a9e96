CREATE TABLE daily_finance_performance WITH (KAFKA_TOPIC = 'daily_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT u.date AS date,
    u.unit_sold AS unit_sold,
    v.amount AS gmv,
    o.amount AS outcome,
    r.amount AS revenue,
    g.amount AS gross_profit,
    n.amount AS nett_profit
  FROM uss_daily_finance_performance u
  LEFT JOIN outcome_daily_finance_performance o ON u.date = o.date
  LEFT JOIN gmv_daily_finance_performance v ON u.date = v.date
  LEFT JOIN revenue_daily_finance_performance r ON u.date = r.date
  LEFT JOIN gross_profit_daily_finance_performance g ON u.date = g.date
  LEFT JOIN net_profit_daily_finance_performance n ON u.date = n.date
  EMIT CHANGES;
