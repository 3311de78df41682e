objs-y += time/heap.o time/timer.o time/scale.o time/clock.o time/calibrate.o time/rtc.o
