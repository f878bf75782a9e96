// What `job list` and `job show` say of a job.
#include "orchestrator/cli/job_status.h"
#include "tests/support/test.h"

static void says(const struct job_status *s, const char *state, const char *note)
{
    struct arena *a = arena_new(NULL);
    assert_string_equal(job_status_state(a, s), state);
    assert_string_equal(job_status_note(a, s), note);
    arena_free(a);
}

TEST(a_batch_waits_only_when_nobody_works_on_the_job)
{
    struct job_status s = {.control = {.last_batch = 7, .delivered = 6}};
    says(&s, "no daemon", "batch 7 decided, not delivered");
    s.owner = 4711;
    says(&s, "running, process 4711", "");
}

TEST(offsets_that_are_owed_are_no_batch_that_waits)
{
    struct job_status s = {.control = {.last_batch = 7, .delivered = 7, .offsets_owed = true}};
    says(&s, "no daemon", "complete; the group's offsets are not committed");
    s.control.offsets_owed = false;
    says(&s, "no daemon", "");
}

TEST_MAIN(T(a_batch_waits_only_when_nobody_works_on_the_job),
          T(offsets_that_are_owed_are_no_batch_that_waits))
