create stream tbl_promotions_convert with(KAFKA_TOPIC='tbl_promotions_convert', KEY_FORMAT='JSON', VALUE_FORMAT='JSON')as
	select id,
	       event_name,
	       disc,
	       time,
	       created_at
	from tbl_promotions_clean
	partition by time -- a promotion is looked up by its day
	emit changes;
