/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process that is attached to executes: loading_code.h. It lies at the beginning of two pages
 * that are mapped for it, and is called with the address of the second one. It refers to nothing
 * but that. x86-64.
 */
#include "attach/loading_offsets.h"

#define PAGE 4096
#define RTLD_NOW 2
#define SYS_MPROTECT 10
#define SYS_MUNMAP 11
#define SYS_RT_SIGTIMEDWAIT 128

/* The second page is writable, and its address in rbx; rbp and r12 are free to use. */
	.macro enter_code
	push	%rbx
	push	%rbp
	push	%r12
	mov	%rdi, %rbx
	call	allow_writing
	jnz	stay
	.endm
	.macro restore
	pop	%r12
	pop	%rbp
	pop	%rbx
	.endm

	.section .note.GNU-stack, "", @progbits
	.section .rodata
	.balign 16
	.hidden vtn_loading_code, vtn_loading_code_queue, vtn_loading_code_end
	.globl vtn_loading_code, vtn_loading_code_queue, vtn_loading_code_end

/* int load(void* data): loads the library; for CPython's pending calls, too. */
vtn_loading_code:
load:
	enter_code
	xor	%eax, %eax
	mov	$VTN_LOADING_RUNS, %ecx
	lock cmpxchg %ecx, VTN_LOADING_STATE(%rbx)
	jne	unmap
	call	*VTN_LOADING_ERRNO_LOCATION(%rbx)
	mov	%rax, %rbp
	mov	(%rax), %r12d
	lea	VTN_LOADING_PATH(%rbx), %rdi
	mov	$RTLD_NOW, %esi
	call	*VTN_LOADING_DLOPEN(%rbx)
	mov	$VTN_LOADING_LOADED, %ecx
	test	%rax, %rax
	jnz	loaded
	call	*VTN_LOADING_DLERROR(%rbx)
	test	%rax, %rax
	jz	failed
	lea	VTN_LOADING_ERROR(%rbx), %rdi
	mov	$(VTN_LOADING_ERROR_BYTES - 1), %ecx
copy:
	mov	(%rax), %dl
	mov	%dl, (%rdi)
	test	%dl, %dl
	jz	failed
	inc	%rax
	inc	%rdi
	dec	%ecx
	jnz	copy
failed:
	mov	$VTN_LOADING_FAILED, %ecx
loaded:
	mov	%r12d, (%rbp)
	mov	%ecx, VTN_LOADING_STATE(%rbx)
	cmpl	$0, VTN_LOADING_IS_HELD(%rbx)
	jne	wait
	cmp	$VTN_LOADING_FAILED, %ecx
	je	stay			/* the reason is still to be read */
	jmp	unmap
/* Until whoever holds the thread takes it back, if he does. A call that a stop ends for good: one
   that is begun again would make the kernel forget the one that the thread was in. */
wait:
	lea	VTN_LOADING_NO_SIGNALS(%rbx), %rdi
	xor	%esi, %esi
	lea	VTN_LOADING_WAIT(%rbx), %rdx
	mov	$8, %r10d
	mov	$SYS_RT_SIGTIMEDWAIT, %eax
	syscall
/* By code of the C library, which is there afterwards: returns 0. */
unmap:
	lea	-PAGE(%rbx), %rdi
	mov	$(2 * PAGE), %esi
	mov	VTN_LOADING_SYSCALL(%rbx), %rdx
	mov	$SYS_MUNMAP, %eax
	restore
	jmp	*%rdx
stay:
	xor	%eax, %eax
	restore
	ret

/* void queue(void* data): asks CPython to call load. */
vtn_loading_code_queue:
	enter_code
	call	*VTN_LOADING_ERRNO_LOCATION(%rbx)
	mov	%rax, %rbp
	mov	(%rax), %r12d
	lea	load(%rip), %rdi
	mov	%rbx, %rsi
	call	*VTN_LOADING_ADD_PENDING_CALL(%rbx)
	mov	%r12d, (%rbp)
	mov	$VTN_LOADING_IS_QUEUED, %ecx
	mov	$VTN_LOADING_QUEUE_IS_FULL, %edx
	test	%eax, %eax
	cmovnz	%edx, %ecx
	mov	%ecx, VTN_LOADING_QUEUED(%rbx)
	jmp	stay

/* The pages are mapped to be executed only: some processes are allowed no others. */
allow_writing:
	mov	%rbx, %rdi
	mov	$PAGE, %esi
	mov	$3, %edx
	mov	$SYS_MPROTECT, %eax
	syscall
	test	%rax, %rax
	ret
vtn_loading_code_end:
