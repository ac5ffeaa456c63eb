/* Rim: threads. */
#include "control-plane/together.h"

#include <uv.h>

static void run(void *pointer)
{
    struct cp_task *task = pointer;
    task->answer = task->ask(&task->context, task->about);
}

static void run_some(struct cp_task *tasks, size_t count)
{
    uv_thread_t threads[CP_QUESTIONS_AT_ONCE];
    bool begun[CP_QUESTIONS_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        begun[i] = uv_thread_create(&threads[i], run, &tasks[i]) == 0;
        if (!begun[i])
            run(&tasks[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (begun[i])
            (void)uv_thread_join(&threads[i]);
    }
}

void cp_together(const struct cp_context *parent, struct cp_task *tasks, size_t count)
{
    json_object_seed(0);
    for (size_t i = 0; i < count; i++)
        cp_context_like(&tasks[i].context, parent, parent->actor);
    for (size_t at = 0; at < count; at += CP_QUESTIONS_AT_ONCE)
        run_some(&tasks[at], count - at < CP_QUESTIONS_AT_ONCE ? count - at : CP_QUESTIONS_AT_ONCE);
    for (size_t i = 0; i < count; i++)
        cp_context_free(&tasks[i].context);
}
