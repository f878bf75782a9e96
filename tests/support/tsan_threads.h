// ThreadSanitizer does not know C11 threads, which librdkafka is built on: it dies in the first of its threads. Linking this maps
// thrd_*, mtx_* and cnd_* to the pthread calls that it does know. Nothing without -fsanitize=thread.
#ifndef TESTS_SUPPORT_TSAN_THREADS_H
#define TESTS_SUPPORT_TSAN_THREADS_H

void tsan_threads_link(void); // does nothing but pull this file out of the library

#endif
