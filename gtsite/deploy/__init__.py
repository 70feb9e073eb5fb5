"""Takes one commit to Elastic Beanstalk in every region, a region at a time, Route 53 in front.

What stands is read from AWS each time; nothing is kept on the operator's machine.
"""
