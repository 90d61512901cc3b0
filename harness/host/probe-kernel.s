# A kernel of one sector. It goes the way that any 64-bit kernel goes first, and gives its sign of life only at the end of it:
# protected mode, page tables, long mode, a timer that interrupts a program of ring 3, and that program's system call.
# Assembled: as probe-kernel.s -o k.o && ld -Ttext 0x7c00 --oformat binary -e start k.o -o k.bin

.set sign_of_life, 0x2a
.set ticks_wanted, 40
.set tables, 0x1000          # page tables, one page each, all in the first 2 MiB, which are mapped as they lie
.set idt, 0x5000
.set tss, 0x6000
.set ticks, 0x6800

.code16
.globl start
start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    inb $0x92, %al           # the A20 gate
    orb $2, %al
    outb %al, $0x92
    movw $tables, %di        # zeros for everything from the page tables to the counter
    movw $0x3000, %cx
    xorw %ax, %ax
    cld
    rep stosw
    movw $0x2007, tables     # user may read and write
    movw $0x3007, tables+0x1000
    movw $0x0087, tables+0x2000  # one page of 2 MiB
    lgdtl gdt_pointer
    movl %cr4, %eax
    orb $0x20, %al           # PAE
    movl %eax, %cr4
    movl $tables, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx   # EFER: long mode and syscall
    rdmsr
    orw $0x101, %ax
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    ljmpl $0x08, $long_mode

.code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x7c00, %esp
    movl $0x7c00, tss+4      # the stack of ring 0, for interrupts of ring 3
    movl $0x28, %eax
    ltr %ax
    movl $0x00080000 + tick, idt+0x200   # vector 0x20: an interrupt gate
    movl $0x00008e00, idt+0x204
    lidt idt_pointer
    movl $0xc0000081, %ecx   # STAR, then LSTAR: where syscall goes
    xorl %eax, %eax
    movl $0x00100008, %edx
    wrmsr
    incl %ecx
    movl $system_call, %eax
    xorl %edx, %edx
    wrmsr
    movl $0xc0000084, %ecx   # syscall switches interrupts off
    movl $0x200, %eax
    wrmsr
    movb $0x11, %al          # interrupt controller: the timer is vector 0x20, all else is masked
    outb %al, $0x20
    movb $0x20, %al
    outb %al, $0x21
    movb $0x04, %al
    outb %al, $0x21
    movb $0x01, %al
    outb %al, $0x21
    movb $0xfe, %al
    outb %al, $0x21
    movb $0x34, %al          # the timer: every 1193 cycles, which is 1 ms
    outb %al, $0x43
    movb $0xa9, %al
    outb %al, $0x40
    movb $0x04, %al
    outb %al, $0x40
    pushq $0x1b              # into ring 3, with interrupts on
    pushq $0x7000
    pushq $0x202
    pushq $0x23
    pushq $program
    iretq

program:
    cmpl $ticks_wanted, ticks
    jb program
    syscall

system_call:
    movb $sign_of_life, %al
    outb %al, $0xf4
    hlt

tick:
    pushq %rax
    incl ticks
    movq %cr3, %rax          # as a kernel that changes address spaces
    movq %rax, %cr3
    movb $0x20, %al
    outb %al, $0x20
    popq %rax
    iretq

gdt_pointer:
    .word 0x37
    .long gdt
idt_pointer:
    .word 0x20f
    .quad idt
gdt:
    .quad 0
    .quad 0x00af9a000000ffff # 0x08 code, ring 0
    .quad 0x00cf92000000ffff # 0x10 data, ring 0
    .quad 0x00cff2000000ffff # 0x18 data, ring 3
    .quad 0x00affa000000ffff # 0x20 code, ring 3
    .quad 0x0000890000000067 + (tss << 16) # 0x28 task state
    .quad 0

.org 510
    .word 0xaa55
