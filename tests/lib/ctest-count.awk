# SPDX-License-Identifier: PostgreSQL
# Reads what "ctest --verbose" printed and sums up the tests inside the test programs (cmocka's
# lines); a program without such lines counts as one test.

# "12: [       OK ] a_test_is_a_sentence"; the sums at the end have a number after the bracket.
/^[0-9]+: \[       OK \]/ { ok[$1 + 0]++ }
/^[0-9]+: \[  FAILED  \] [0-9]+ test/ { bad[$1 + 0] = $5 }
/^[0-9]+: \[  SKIPPED \] [0-9]+ test/ { skip[$1 + 0] = $5 }

# " 3/25 Test #12: unit.hub ......   Passed    0.02 sec"
match($0, /Test +#[0-9]+: /) && / sec *$/ {
    id = substr($0, RSTART, RLENGTH)
    gsub(/[^0-9]/, "", id)
    passed += ok[id]
    failed += bad[id]
    skipped += skip[id]
    if (/\*\*\*Skipped/) {
        skipped++
    } else if (/ Passed +[0-9.]+ sec/) {
        passed += (ok[id] + skip[id] == 0)
    } else {
        failed += (bad[id] == 0)
    }
}
END {
    printf "%d passed, %d failed", passed, failed
    if (skipped > 0) {
        printf ", %d skipped", skipped
    }
    print ""
}
