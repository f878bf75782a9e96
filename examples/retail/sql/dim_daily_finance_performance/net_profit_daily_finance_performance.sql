CREATE TABLE net_profit_daily_finance_performance WITH (KAFKA_TOPIC = 'net_profit_daily_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT g.date AS date,
    g.amount - o.amount AS amount
  FROM gross_profit_daily_finance_performance g
  LEFT JOIN outcome_daily_finance_performance o ON g.date = o.date
  EMIT CHANGES;
