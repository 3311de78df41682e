# SPDX-License-Identifier: GPL-2.0-only
objs-y += sched/core.o sched/bvt.o sched/atropos.o sched/rr.o sched/softirq.o sched/task.o sched/sched_op.o sched/vcpu_op.o sched/slot_work.o
