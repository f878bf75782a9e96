CREATE STREAM s (k INT KEY, l ARRAY<INT>, m MAP<STRING, DOUBLE>) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT k, TRANSFORM(l, x => x + 1) AS a, REDUCE(FILTER(m, (a, b) => b > 1), 0E0, (s, a, b) => s + b) AS d, REGEXP_EXTRACT('[a', a) FROM s;
