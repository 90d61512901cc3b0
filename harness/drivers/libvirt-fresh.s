# What makes a guest fresh that was brought back from a snapshot: its random pool is fed and reseeded, its clock set. A static
# program of a few hundred bytes, as a shell starts it in a moment where perl or date take most of the reset.
#
#   fresh MILLISECONDS WORDS
#
# MILLISECONDS since the epoch at which the guest's uptime was zero; WORDS are written to the random pool. Exit status 0, or the number of
# the step that failed: 1 arguments, 2 /dev/urandom, 3 its reseeding, 4 the clock.
#
# Assembled by: as -o fresh.o libvirt-fresh.s && ld -n -s -z noseparate-code -z noexecstack --build-id=none -o fresh fresh.o; then cut
# after the code, and the numbers of section headers set to zero.

        .globl  _start
        .text
_start:
        mov     $87, %eax               # unlink(its own path): it was there for this moment alone
        mov     8(%rsp), %rdi
        syscall
        mov     $1, %r15d               # the step, for the exit status
        cmpq    $3, (%rsp)
        jne     failed
        mov     16(%rsp), %rsi          # milliseconds, in decimal
        xor     %r12d, %r12d
digit:  movzbl  (%rsi), %eax
        test    %eax, %eax
        jz      parsed
        sub     $48, %eax
        cmp     $9, %eax
        ja      failed
        imul    $10, %r12, %r12
        add     %rax, %r12
        inc     %rsi
        jmp     digit
parsed: mov     24(%rsp), %r13          # words
        xor     %r14d, %r14d
length: cmpb    $0, (%r13,%r14)
        je      measured
        inc     %r14
        jmp     length

measured:
        inc     %r15d
        mov     $2, %eax                # open(pool, O_WRONLY)
        lea     pool(%rip), %rdi
        mov     $1, %esi
        xor     %edx, %edx
        syscall
        test    %rax, %rax
        js      failed
        mov     %rax, %rbx
        mov     $1, %eax                # write(pool, words, length)
        mov     %rbx, %rdi
        mov     %r13, %rsi
        mov     %r14, %rdx
        syscall
        cmp     %r14, %rax
        jne     failed

        inc     %r15d
        mov     $16, %eax               # ioctl(pool, RNDRESEEDCRNG)
        mov     %rbx, %rdi
        mov     $0x5207, %esi
        xor     %edx, %edx
        syscall
        test    %rax, %rax
        js      failed

        inc     %r15d
        sub     $16, %rsp
        mov     $228, %eax              # clock_gettime(CLOCK_BOOTTIME)
        mov     $7, %edi
        mov     %rsp, %rsi
        syscall
        test    %rax, %rax
        js      failed
        imul    $1000000, %r12, %rax    # milliseconds of the beginning, and nanoseconds since
        mov     (%rsp), %rcx
        imul    $1000000000, %rcx, %rcx
        add     %rcx, %rax
        add     8(%rsp), %rax
        xor     %edx, %edx
        mov     $1000000000, %ecx
        div     %rcx
        mov     %rax, (%rsp)
        mov     %rdx, 8(%rsp)
        mov     $227, %eax              # clock_settime(CLOCK_REALTIME)
        xor     %edi, %edi
        mov     %rsp, %rsi
        syscall
        test    %rax, %rax
        js      failed
        xor     %r15d, %r15d

failed: mov     $60, %eax               # exit(step)
        mov     %r15d, %edi
        syscall

pool:   .asciz  "/dev/urandom"
