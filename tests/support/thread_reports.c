/*
 * What ThreadSanitizer is not to report, in programs that are built with it: libuv closes
 * descriptors by a raw system call, which the sanitizer does not see, so that it takes the next use
 * of the number for a race.
 */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:^__interceptor_accept4$\n"
           "race:^__interceptor_close$\n"
           "race:^__interceptor_closedir$\n"
           "race:^__interceptor_epoll_create1$\n"
           "race:^__interceptor_epoll_ctl$\n"
           "race:^__interceptor_eventfd$\n"
           "race:^__interceptor_open$\n"
           "race:^__interceptor_open64$\n"
           "race:^__interceptor_opendir$\n"
           "race:^__interceptor_pipe2$\n"
           "race:^__interceptor_socket$\n";
}
