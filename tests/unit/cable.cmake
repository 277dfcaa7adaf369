# SPDX-License-Identifier: PostgreSQL
pgc_test(channels LIBS pgc_cable)
pgc_test(delivery LIBS pgc_cable SOURCES cable_world.c)
pgc_test(frame LIBS pgc_cable)
pgc_test(limits LIBS pgc_cable)
pgc_test(offer LIBS pgc_cable)
pgc_test(session LIBS pgc_cable SOURCES cable_world.c)
pgc_test(subscription LIBS pgc_cable SOURCES cable_world.c)
