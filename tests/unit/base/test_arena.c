#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/base/suite.h"

START_TEST(allocations_are_zeroed_aligned_and_apart)
{
    struct cc_arena arena;
    unsigned char *pieces[100];
    cc_arena_init(&arena, 0);
    for (size_t i = 0; i < 100; i++) {
        pieces[i] = cc_arena_alloc(&arena, i * 7 + 1);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < i * 7 + 1; j++)
            ck_assert_uint_eq(pieces[i][j], 0);
        memset(pieces[i], (int)i + 1, i * 7 + 1);
    }
    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(pieces[i][0], i + 1);
        ck_assert_uint_eq(pieces[i][i * 7], i + 1);
    }
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(the_limit_bounds_the_sum)
{
    struct cc_arena arena;
    cc_arena_init(&arena, 1000);
    ck_assert_ptr_nonnull(cc_arena_alloc(&arena, 600));
    ck_assert_ptr_null(cc_arena_alloc(&arena, 401));
    ck_assert_ptr_nonnull(cc_arena_alloc(&arena, 400));
    ck_assert_ptr_null(cc_arena_alloc(&arena, 1));
    ck_assert_ptr_null(cc_arena_alloc(&arena, SIZE_MAX));
    cc_arena_reset(&arena);
    ck_assert_ptr_nonnull(cc_arena_alloc(&arena, 1000));
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(the_default_limit_is_one_mebibyte)
{
    struct cc_arena arena;
    cc_arena_init(&arena, 0);
    ck_assert_ptr_null(cc_arena_alloc(&arena, 1024 * 1024 + 1));
    ck_assert_ptr_nonnull(cc_arena_alloc(&arena, 1024 * 1024));
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(copies_end_with_nul)
{
    struct cc_arena arena;
    cc_arena_init(&arena, 16);
    ck_assert_str_eq(cc_arena_copy(&arena, cc_slice("abcdef", 3)), "abc");
    ck_assert_str_eq(cc_arena_copy(&arena, cc_slice(NULL, 0)), "");
    ck_assert_ptr_null(cc_arena_copy(&arena, CC_SLICE_LITERAL("0123456789ab")));
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(printf_gives_a_slice_or_nothing)
{
    struct cc_arena arena;
    cc_arena_init(&arena, 16);
    struct cc_slice text = cc_arena_printf(&arena, "%s-%d", "se", 1);
    ASSERT_SLICE(text, "se-1");
    ck_assert_int_eq(text.data[text.length], '\0');
    ck_assert_ptr_null(cc_arena_printf(&arena, "%040d", 1).data);
    cc_arena_reset(&arena);
}
END_TEST

SUITE_MAIN("arena", allocations_are_zeroed_aligned_and_apart, the_limit_bounds_the_sum,
           the_default_limit_is_one_mebibyte, copies_end_with_nul, printf_gives_a_slice_or_nothing)
