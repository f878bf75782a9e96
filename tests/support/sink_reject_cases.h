// Cases of the warehouse contract about rows that the store refuses; run by sink_cases.c.
#ifndef TESTS_SUPPORT_SINK_REJECT_CASES_H
#define TESTS_SUPPORT_SINK_REJECT_CASES_H

#include "tests/support/sink_world.h"

void refused_rows_are_kept_and_the_others_are_written(struct world *w);
void more_refused_rows_than_allowed_hold_the_batch(struct world *w);
void a_reject_goes_when_its_key_is_stored_or_refused_again(struct world *w);
void the_same_batch_again_doubles_no_reject(struct world *w);
void rejects_go_with_the_rows_that_are_replaced(struct world *w);
void rejects_of_appended_rows_go_with_their_slot(struct world *w);
void rejects_of_rows_that_come_to_a_slot_go_with_it(struct world *w);
void rejects_that_are_written_again_go_or_stay_in_their_place(struct world *w);
void rejects_of_appended_rows_are_written_again_into_their_slot(struct world *w);
void more_rejects_than_may_come_are_written_again(struct world *w);
void a_row_without_a_key_is_named_by_its_values(struct world *w);
void a_delete_that_the_store_refuses_is_kept_without_a_row(struct world *w);
void hostile_text_in_a_refused_row_is_kept_as_it_is(struct world *w);
void what_is_wrong_with_the_table_holds_the_batch(struct world *w);

// For the table of cases; C is its macro.
#define SINK_REJECT_CASES                                                                         \
    C(refused_rows_are_kept_and_the_others_are_written),                                          \
        C(more_refused_rows_than_allowed_hold_the_batch),                                         \
        C(a_reject_goes_when_its_key_is_stored_or_refused_again),                                 \
        C(the_same_batch_again_doubles_no_reject), C(rejects_go_with_the_rows_that_are_replaced), \
        C(rejects_of_appended_rows_go_with_their_slot),                                           \
        C(rejects_of_rows_that_come_to_a_slot_go_with_it),                                        \
        C(rejects_that_are_written_again_go_or_stay_in_their_place),                              \
        C(rejects_of_appended_rows_are_written_again_into_their_slot),                            \
        C(more_rejects_than_may_come_are_written_again),                                          \
        C(a_row_without_a_key_is_named_by_its_values),                                            \
        C(a_delete_that_the_store_refuses_is_kept_without_a_row),                                 \
        C(hostile_text_in_a_refused_row_is_kept_as_it_is),                                        \
        C(what_is_wrong_with_the_table_holds_the_batch)

#endif
